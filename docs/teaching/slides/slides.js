// Left and right, Space, Home and End go through the slides; N shows the speaker's notes. The number
// behind # in the address is the slide, so a slide can be linked, and a reload stays where it was.
(() => {
  const slides = [...document.querySelectorAll("section")];
  const place = document.createElement("div");
  place.className = "place";
  place.setAttribute("aria-live", "polite");
  document.body.append(place);

  const show = () => {
    const wanted = Number(location.hash.slice(1)) || 1;
    const at = Math.min(Math.max(wanted, 1), slides.length);
    slides.forEach((slide, i) => slide.classList.toggle("now", i === at - 1));
    place.textContent = `${at} / ${slides.length}`;
    place.dataset.at = at;
  };
  const go = (to) => {
    location.replace(`#${Math.min(Math.max(to, 1), slides.length)}`);
  };
  const at = () => Number(place.dataset.at);

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const to = {
      ArrowRight: at() + 1, PageDown: at() + 1, " ": at() + 1,
      ArrowLeft: at() - 1, PageUp: at() - 1, Home: 1, End: slides.length,
    }[event.key];
    if (to !== undefined) go(to);
    else if (event.key.toLowerCase() === "n") document.body.classList.toggle("notes");
    else return;
    event.preventDefault();
  });
  // A finger: the right third of the window goes on, the left one back.
  document.addEventListener("click", (event) => {
    if (event.target.closest("a, .explorer")) return;
    const share = event.clientX / innerWidth;
    if (share > 2 / 3) go(at() + 1);
    else if (share < 1 / 3) go(at() - 1);
  });
  addEventListener("hashchange", show);
  show();
})();
