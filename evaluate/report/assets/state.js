// What the page shows lives in the part of the address behind "#", so that a link brings it back.
const usual = { image: "", layer: "", blend: 70, zoom: 1, x: 0, y: 0, shown: 1, order: "worst", class: "", theme: "auto", at: "" };
const limits = { blend: [0, 100], zoom: [1, 12], x: [0, 1], y: [0, 1], shown: [0, 1] };
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const state = { ...usual };
const followers = [];

function readState() {
  const text = location.hash.slice(1);
  const said = text.includes("=") ? new URLSearchParams(text) : new URLSearchParams({ at: text });
  for (const [key, value] of Object.entries(usual)) {
    const given = said.get(key);
    if (given === null) state[key] = value;
    else if (typeof value === "string") state[key] = given;
    else state[key] = Number.isFinite(Number(given)) ? clamp(Number(given), ...limits[key]) : value;
  }
}

function writeState() {
  const said = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value !== usual[key]) said.set(key, String(value));
  history.replaceState(null, "", `#${said}`);
}

function change(changes) {
  Object.assign(state, changes);
  writeState();
  for (const follow of followers) follow(Object.keys(changes));
}

readState();
addEventListener("hashchange", () => {
  readState();
  for (const follow of followers) follow(Object.keys(usual));
  goTo(state.at);
});
