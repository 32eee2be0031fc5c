// A zoomable map: the image, over it the classes of one layer, each switched on and off.
const element = (id) => document.getElementById(id);
const map = JSON.parse(element("facts").textContent);

const viewer = OpenSeadragon({
  element: element("map"),
  drawer: "canvas", // Others need the pixels of tiles, which a page that is opened from a folder may not read.
  showNavigationControl: false,
  showNavigator: true,
  navigatorPosition: "BOTTOM_LEFT",
  maxZoomPixelRatio: 8,
  imageSmoothingEnabled: true,
  gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.6,
  tileSources: [source("image", "jpg")],
});

/** Tiles of a folder; of a class, only those that were written. */
function source(folder, ending, tiles) {
  const [minLevel, maxLevel] = map.levels;
  const written = tiles && Object.fromEntries(Object.entries(tiles).map(([level, names]) => [level, new Set(names)]));
  const found = new OpenSeadragon.TileSource({ width: map.width, height: map.height, tileSize: map.tile, tileOverlap: 0, minLevel, maxLevel });
  found.getTileUrl = (level, column, row) => `${folder}/${level}/${column}_${row}.${ending}`;
  found.hasTransparency = () => Boolean(tiles);
  if (written) {
    const isInside = found.tileExists.bind(found);
    found.tileExists = (level, column, row) => isInside(level, column, row) && Boolean(written[level]?.has(`${column}_${row}`));
  }
  return found;
}

/** The tiles of each class of each layer, once they are opened. */
const opened = map.layers.map(() => new Map());
const hidden = new Set();
let shown = map.layers.length ? 0 : -1;

function openClasses() {
  map.layers.forEach((layer, number) => {
    for (const one of layer.classes) {
      viewer.addTiledImage({
        tileSource: source(`layer-${number}/${one.number}`, "png", one.tiles),
        opacity: 0,
        success: ({ item }) => {
          opened[number].set(one.name, item);
          draw();
        },
      });
    }
  });
}

function draw() {
  const strength = Number(element("strength").value);
  opened.forEach((items, number) => {
    for (const [name, item] of items) item.setOpacity(number === shown && !hidden.has(name) ? strength : 0);
  });
}

function option(type, name, text, checked, change, colour, small = "") {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type, name, checked });
  input.addEventListener("change", () => change(input.checked));
  label.append(input);
  if (colour) {
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = `rgb(${colour})`;
    label.append(swatch);
  }
  label.append(Object.assign(document.createElement("span"), { textContent: text }));
  label.append(Object.assign(document.createElement("small"), { textContent: small }));
  return label;
}

function listLayers() {
  const names = [...map.layers.map(({ name }) => name), "none"];
  element("layers").replaceChildren(
    ...names.map((name, number) => {
      const position = number < map.layers.length ? number : -1;
      return option("radio", "layer", name, position === shown, () => show(position));
    }),
  );
}

function show(number) {
  shown = number;
  listClasses();
  draw();
}

function listClasses() {
  const classes = map.layers[shown]?.classes ?? [];
  element("classes").replaceChildren(
    ...classes.map(({ name, colour, share }) =>
      option("checkbox", "class", name, !hidden.has(name), (on) => {
        if (on) hidden.delete(name);
        else hidden.add(name);
        draw();
      }, colour, `${(100 * share).toFixed(share < 0.01 ? 2 : 1)}%`),
    ),
  );
}

/** The longest of 1, 2 or 5 times a power of ten micrometres that takes at most 120 pixels of the screen. */
function drawScale() {
  const item = viewer.world.getItemAt(0);
  if (!map.pixelUm || !item) return;
  const pixels = item.viewportToImageZoom(viewer.viewport.getZoom(true)); // Of the screen, for one of the image.
  const most = (120 / pixels) * map.pixelUm;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((step) => step * power).find((one) => one <= most);
  element("scale").hidden = false;
  element("scale").firstElementChild.style.width = `${(length / map.pixelUm) * pixels}px`;
  element("scale").lastElementChild.textContent = length >= 1000 ? `${length / 1000} mm` : `${length} µm`;
}

element("size").textContent = `${map.width} x ${map.height} pixels`;
element("in").addEventListener("click", () => viewer.viewport.zoomBy(1.5).applyConstraints());
element("out").addEventListener("click", () => viewer.viewport.zoomBy(1 / 1.5).applyConstraints());
element("fit").addEventListener("click", () => viewer.viewport.goHome());
element("strength").addEventListener("input", draw);
viewer.addHandler("open", openClasses);
viewer.addHandler("update-viewport", drawScale);
listLayers();
listClasses();
