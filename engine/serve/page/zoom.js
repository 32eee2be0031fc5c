/** A sheet that is zoomed and moved about on its stage: by wheel, drag, double click and buttons. */

const MOST = 64;
const CLOSE = 4;

/** Start; what it returns shows the whole sheet. */
export function startZoom(stage, sheet, { closer, farther, whole }) {
  /** How much larger than the stage, and the shares of the sheet that lie left of it and above. */
  let view = { zoom: 1, x: 0, y: 0 };

  function show(zoom, x, y) {
    const within = (place) => Math.min(Math.max(place, 0), 1 - 1 / zoom);
    view = { zoom, x: within(x), y: within(y) };
    sheet.style.transform = `scale(${zoom}) translate(${-100 * view.x}%, ${-100 * view.y}%)`;
    stage.classList.toggle("zoomed", zoom > 1);
    stage.classList.toggle("close", zoom >= CLOSE);
  }

  function zoomAt(times, atX = 0.5, atY = 0.5) {
    const zoom = Math.min(Math.max(view.zoom * times, 1), MOST);
    const gained = 1 / view.zoom - 1 / zoom;
    show(zoom, view.x + atX * gained, view.y + atY * gained);
  }

  const fit = () => show(1, 0, 0);
  const shareOf = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  stage.addEventListener("wheel", (event) => {
    if (view.zoom === 1 && event.deltaY > 0) return; // The page scrolls on.
    event.preventDefault();
    zoomAt(event.deltaY < 0 ? 1.25 : 1 / 1.25, ...shareOf(event));
  }, { passive: false });
  stage.addEventListener("dblclick", (event) => zoomAt(2, ...shareOf(event)));
  stage.addEventListener("dragstart", (event) => event.preventDefault());

  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    held = shareOf(event);
    if (view.zoom > 1) stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held || view.zoom === 1) return;
    const now = shareOf(event);
    show(view.zoom, view.x + (held[0] - now[0]) / view.zoom, view.y + (held[1] - now[1]) / view.zoom);
    held = now;
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (held = null));

  closer.addEventListener("click", () => zoomAt(1.5));
  farther.addEventListener("click", () => zoomAt(1 / 1.5));
  whole.addEventListener("click", fit);
  return fit;
}
