// Which images there are, which is shown, and what lies over it.
function startGallery() {
  const images = [...document.querySelectorAll(".facts-of")].map((script) => {
    const facts = JSON.parse(script.textContent);
    return { ...facts, script: script.nextElementSibling };
  });
  const classes = [...find("class").options].slice(1).map((option) => option.value);
  const buttons = [...find("layers").querySelectorAll("button")];
  const layers = buttons.map((button) => button.dataset.layer);
  const viewer = startViewer();
  const share = (value) => (value === null ? "none" : value.toFixed(3));

  const picturesOf = (image) => (image.pictures ??= JSON.parse(image.script.textContent));
  const shownClass = () => classes.indexOf(state.class);
  const metric = find("images").dataset.metric;
  const scoreOf = (image) => (shownClass() < 0 ? image.score : image.classScores[shownClass()]);
  const figureName = () => (shownClass() < 0 || metric !== "mIoU" ? metric : "IoU");
  const orders = {
    worst: (image) => scoreOf(image) ?? 2,
    best: (image) => (image.is_empty ? 2 : -(scoreOf(image) ?? -1)),
    uncertain: (image) => -image.entropy,
    disputed: (image) => -image.disputed,
    random: (image) => image.random,
  };
  const captions = {
    worst: (image) => `${figureName()} ${share(scoreOf(image))}`,
    best: (image) => `${figureName()} ${share(scoreOf(image))}`,
    uncertain: (image) => `entropy ${share(image.entropy)}`,
    disputed: (image) => `disputed ${(100 * image.disputed).toFixed(1)} %`,
    random: (image) => `${metric} ${share(image.score)}`,
  };

  function listed() {
    const kept = images.filter((image) => shownClass() < 0 || image.classScores[shownClass()] !== null);
    const rank = orders[state.order] ?? orders.worst;
    return kept.sort((first, second) => rank(first) - rank(second) || first.index - second.index);
  }

  function shownImage(list) {
    return list.find((image) => image.id === state.image) ?? list[0];
  }

  function drawStrip() {
    const list = listed();
    const shown = shownImage(list);
    const caption = captions[state.order] ?? captions.worst;
    find("strip").replaceChildren(...list.map((image) => thumbOf(image, image === shown, caption(image))));
    find("count").textContent = list.length === 1 ? "1 image" : `${list.length} images`;
    for (const input of find("order").querySelectorAll("input")) input.checked = input.value === state.order;
    find("class").selectedIndex = shownClass() + 1;
  }

  function thumbOf(image, isShown, caption) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const picture = document.createElement("img");
    const text = document.createElement("span");
    const name = document.createElement("span");
    button.type = "button";
    button.dataset.image = image.id;
    button.tabIndex = isShown ? 0 : -1;
    if (isShown) button.setAttribute("aria-current", "true");
    picture.src = image.thumb;
    picture.alt = "";
    text.textContent = caption;
    name.textContent = image.id;
    name.className = "muted";
    button.append(picture, text, name);
    button.addEventListener("click", () => open(image));
    item.append(button);
    return item;
  }

  function markStrip(shown) {
    for (const button of find("strip").querySelectorAll("button")) {
      const isShown = button.dataset.image === shown.id;
      button.tabIndex = isShown ? 0 : -1;
      button.toggleAttribute("aria-current", isShown);
      if (!isShown) continue;
      button.setAttribute("aria-current", "true");
      const strip = find("strip");
      const [left, right] = [button.offsetLeft - strip.offsetLeft, button.offsetLeft - strip.offsetLeft + button.offsetWidth];
      if (left < strip.scrollLeft) strip.scrollLeft = left - 8;
      if (right > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = right - strip.clientWidth + 8;
    }
  }

  function showImage() {
    const list = listed();
    const shown = shownImage(list);
    find("viewer").hidden = !shown;
    if (!shown) return;
    const pictures = picturesOf(shown);
    const layer = shownLayer();
    viewer.shape(shown.width, shown.height);
    find("base").src = pictures.image;
    find("base").alt = `Image ${shown.id}`;
    setPicture(find("over"), layer === "image" ? null : pictures[layer]);
    find("over").alt = layer === "image" ? "" : `Over it: ${nameOf(layer)}`;
    find("stage").setAttribute("aria-label", `Image ${shown.id}, over it ${nameOf(layer)}`);
    find("name").textContent = shown.id;
    showFacts(shown);
    find("map").hidden = !shown.map;
    if (shown.map) find("map").firstElementChild.href = shown.map;
    for (const button of buttons) showButton(button, shown, pictures, layer);
    markStrip(shown);
  }

  function showButton(button, shown, pictures, layer) {
    const own = button.dataset.layer;
    const [base, over] = button.querySelectorAll("img");
    base.src = pictures.image;
    setPicture(over, own === "image" ? null : pictures[own]);
    button.setAttribute("aria-pressed", String(own === layer));
    const member = own.startsWith("member-") ? shown.memberScores[Number(own.slice(7))] : undefined;
    const figure = own === "ensemble" ? shown.score : member;
    button.querySelector("small").textContent = figure === undefined ? "" : `${metric} ${share(figure)}`;
  }

  function setPicture(element, source) {
    if (source) element.src = source;
    else element.removeAttribute("src");
    element.hidden = !source;
  }

  function showFacts(shown) {
    const facts = {
      [shownClass() < 0 ? figureName() : `${figureName()}, ${state.class}`]: share(scoreOf(shown)),
      "mean entropy": share(shown.entropy),
      disputed: `${(100 * shown.disputed).toFixed(1)} %`,
      ...(shown.missed.length && { missed: shown.missed.join(", ") }),
      ...(shown.invented.length && { invented: shown.invented.join(", ") }),
    };
    find("facts").replaceChildren(...Object.entries(facts).map(([name, value]) => {
      const pair = document.createElement("div");
      const term = document.createElement("dt");
      const said = document.createElement("dd");
      term.textContent = name;
      said.textContent = value;
      pair.append(term, said);
      return pair;
    }));
  }

  const nameOf = (layer) => buttons[layers.indexOf(layer)].querySelector("span:not(.preview)").textContent;
  const usualLayer = layers.includes("ensemble") ? "ensemble" : "member-0";
  const shownLayer = () => (layers.includes(state.layer) ? state.layer : usualLayer);
  const open = (image) => change({ image: image.id, at: "gallery" });
  const openLayer = (layer) => layer && change({ layer, shown: 1, at: "gallery" });

  function stepImage(step) {
    const list = listed();
    open(list[(list.indexOf(shownImage(list)) + step + list.length) % list.length]);
  }

  const stepLayer = (step) => openLayer(layers[(layers.indexOf(shownLayer()) + step + layers.length) % layers.length]);

  const keys = {
    ArrowLeft: () => stepImage(-1),
    ArrowRight: () => stepImage(1),
    ArrowUp: () => stepLayer(-1),
    ArrowDown: () => stepLayer(1),
    " ": viewer.toggle,
    "[": () => viewer.blendBy(-10),
    "]": () => viewer.blendBy(10),
    "+": () => viewer.zoomAt(1.5),
    "=": () => viewer.zoomAt(1.5),
    "-": () => viewer.zoomAt(1 / 1.5),
    0: viewer.fit,
  };
  const shifted = {
    ArrowLeft: () => viewer.moveBy(-0.15, 0),
    ArrowRight: () => viewer.moveBy(0.15, 0),
    ArrowUp: () => viewer.moveBy(0, -0.15),
    ArrowDown: () => viewer.moveBy(0, 0.15),
  };

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
    if (event.key === " " && event.target.matches("button, summary")) return;
    const act = (event.shiftKey && shifted[event.key]) || keys[event.key] || (/^[1-9]$/.test(event.key) && (() => openLayer(layers[event.key - 1])));
    if (!act) return;
    event.preventDefault();
    const wasInStrip = find("strip").contains(event.target);
    act();
    if (wasInStrip) find("strip").querySelector("[aria-current]")?.focus();
  }

  find("viewer").addEventListener("keydown", press);
  find("strip").addEventListener("keydown", press);
  find("previous").addEventListener("click", () => stepImage(-1));
  find("next").addEventListener("click", () => stepImage(1));
  find("order").addEventListener("change", (event) => change({ order: event.target.value, image: "", at: "gallery" }));
  find("class").addEventListener("change", (event) => change({ class: event.target.value, image: "", at: "gallery" }));
  for (const button of buttons) button.addEventListener("click", () => openLayer(button.dataset.layer));
  followers.push((changed) => {
    if (changed.includes("order") || changed.includes("class")) drawStrip();
    if (changed.some((key) => ["order", "class", "image", "layer"].includes(key))) showImage();
  });
  drawStrip();
  showImage();
}

if (find("gallery")) startGallery();
goTo(state.at);
