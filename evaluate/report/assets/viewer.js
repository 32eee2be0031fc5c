// The stage: one image, a layer over it, zoomed and moved about.
function startViewer() {
  const stage = find("stage");
  const sheet = find("sheet");

  function place() {
    sheet.style.transform = `scale(${state.zoom}) translate(${-100 * state.x}%, ${-100 * state.y}%)`;
    stage.classList.toggle("zoomed", state.zoom > 1);
    stage.classList.toggle("close", state.zoom >= 3);
    find("zoom-value").textContent = `${Number(state.zoom.toFixed(1))}×`;
    find("blend").value = state.blend;
    find("blend-value").textContent = `${state.blend} %`;
    find("over").style.opacity = state.shown ? state.blend / 100 : 0;
    find("toggle").setAttribute("aria-pressed", String(Boolean(state.shown)));
  }

  // x and y are what lies left of and above the stage, as shares of the sheet.
  function moveTo(zoom, x, y) {
    const room = 1 - 1 / zoom;
    const short = (value) => Number(clamp(value, 0, room).toFixed(4));
    change({ zoom: Number(zoom.toFixed(3)), x: short(x), y: short(y), at: "gallery" });
  }

  function zoomAt(times, atX = 0.5, atY = 0.5) {
    const zoom = clamp(state.zoom * times, ...limits.zoom);
    const gained = 1 / state.zoom - 1 / zoom;
    moveTo(zoom, state.x + atX * gained, state.y + atY * gained);
  }

  const moveBy = (x, y) => moveTo(state.zoom, state.x + x / state.zoom, state.y + y / state.zoom);
  const fit = () => moveTo(1, 0, 0);
  const blendBy = (step) => change({ blend: clamp(state.blend + step, ...limits.blend), shown: 1, at: "gallery" });
  const toggle = () => change({ shown: state.shown ? 0 : 1, at: "gallery" });

  const shareOf = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== stage) return;
    event.preventDefault();
    zoomAt(event.deltaY < 0 ? 1.2 : 1 / 1.2, ...shareOf(event));
  }, { passive: false });
  stage.addEventListener("dragstart", (event) => event.preventDefault());
  stage.addEventListener("dblclick", (event) => zoomAt(2, ...shareOf(event)));

  const fingers = new Map();
  const spread = () => {
    const [first, second] = [...fingers.values()];
    return Math.hypot(first[0] - second[0], first[1] - second[1]);
  };
  stage.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, shareOf(event));
    if (state.zoom > 1 || fingers.size > 1) stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = shareOf(event);
    const apart = fingers.size > 1 ? spread() : 0;
    fingers.set(event.pointerId, now);
    if (fingers.size > 1) zoomAt(spread() / Math.max(apart, 0.01), ...now);
    else if (state.zoom > 1) moveBy(before[0] - now[0], before[1] - now[1]);
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => fingers.delete(event.pointerId));

  find("blend").addEventListener("input", (event) => change({ blend: Number(event.target.value), shown: 1, at: "gallery" }));
  find("in").addEventListener("click", () => zoomAt(1.5));
  find("out").addEventListener("click", () => zoomAt(1 / 1.5));
  find("fit").addEventListener("click", fit);
  find("toggle").addEventListener("click", toggle);
  followers.push(place);
  place();

  // A tall image leaves room for what is below it.
  function shape(width, height) {
    sheet.style.aspectRatio = `${width} / ${height}`;
    stage.style.maxWidth = `calc(80vh * ${width / height})`;
  }

  return { shape, zoomAt, moveBy, fit, blendBy, toggle };
}
