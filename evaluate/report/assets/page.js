const find = (id) => document.getElementById(id);

function goTo(section) {
  if (section) find(section)?.scrollIntoView();
}

function followLinks() {
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      change({ at: link.hash.slice(1) });
      goTo(state.at);
      find(state.at).querySelector("h2").focus();
    });
  }
  for (const heading of document.querySelectorAll("h2")) heading.tabIndex = -1;
}

function markSection() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const link = links.get(entry.target.id);
        if (entry.isIntersecting) link?.setAttribute("aria-current", "true");
        else link?.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-20% 0px -75% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);
}

function followTheme() {
  const show = () => {
    document.documentElement.dataset.theme = state.theme;
    for (const input of find("theme").querySelectorAll("input")) input.checked = input.value === state.theme;
  };
  find("theme").addEventListener("change", (event) => change({ theme: event.target.value }));
  followers.push(show);
  show();
}

function showTips() {
  const tip = find("tip");
  const show = (event) => {
    const said = event.target.closest?.("[data-tip]");
    tip.hidden = !said;
    if (!said) return;
    tip.textContent = said.dataset.tip;
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - width - 8);
    const top = event.clientY - height - 12;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${top < 8 ? event.clientY + 18 : top}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("pointerleave", () => (tip.hidden = true));
}

followLinks();
markSection();
followTheme();
showTips();
