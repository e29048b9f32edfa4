// Draws a face, its map, and the probabilities for the square under the pointer; or two of each, under
// the same square. Everything it needs is in `frame` and `beside` (see views.py), so following the
// pointer takes no round trip to Python.

const HINT = "Move the pointer over it, or focus it and use arrow keys.";

const make = (parent, tag, name, text = "") => {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text;
  parent.append(node);
  return node;
};

const numbers = (view, Type) =>
  new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

function render({ model, el }) {
  const root = make(el, "div", "fer-view");
  root.dataset.lmSuppressShortcuts = "true"; // arrow keys are ours while the face has the focus
  const panels = make(root, "div", "fer-panels");
  const pictures = make(panels, "div", "fer-pictures");
  const parts = ["frame", "beside"].map((name) => part(pictures, name));
  const note = make(pictures, "div", "fer-note");
  const bars = make(panels, "div", "fer-bars");
  const heading = make(bars, "h4", "");
  const rows = make(bars, "div", "");
  make(bars, "div", "fer-note", "bar: what is shown; line: the whole face");
  const said = make(root, "p", "fer-said");
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");

  let aim = null; // [y, x] as shares of the picture, where the square is wanted; null: the whole face
  let drawn = 0;
  const shown = () => parts.filter(({ frame }) => frame);

  const take = () => {
    for (const one of parts) one.frame = read(model.get(one.name));
    const [first, second] = parts;
    if (!first.frame) return;
    const names = model.get("names");
    const two = Boolean(second.frame);
    root.classList.toggle("fer-two", two);
    const same = two && String(first.frame.face.data) === String(second.frame.face.data);
    second.face.figure.hidden = !two || same;
    second.heat.figure.hidden = !two;
    pictures.dataset.panels = two ? (same ? 3 : 4) : 2;
    build(two ? [first.frame, second.frame] : [first.frame]);
    shown().forEach((one, k) => picture(one, two ? names[k] : ""));
    first.heat.title.classList.toggle("fer-mine", two); // its colour, which is that of its bars
    if (first.frame.note) note.textContent = first.frame.note;
    show();
    root.dataset.stride = first.frame.stride ?? ""; // of a slow net, coarse maps come first
    root.dataset.frames = ++drawn;
  };

  // A row for each class, with a bar for each answer; names that both have stand in one row.
  const build = (frames) => {
    const classes = [...new Set(frames.flatMap(({ classes }) => classes))];
    const wanted = JSON.stringify([classes, frames.map((frame) => frame.classes)]);
    if (rows.dataset.classes === wanted) return;
    rows.dataset.classes = wanted;
    rows.replaceChildren(...classes.map((name) => bar(name, frames)));
  };

  const show = () => {
    const [first, second] = parts;
    if (!first.frame) return;
    const sentences = [];
    const titles = [];
    for (const [k, one] of shown().entries()) {
      const { frame } = one;
      const spot = (one.spot = nearest(frame, aim));
      const box = spot && boxAt(frame, spot);
      const pen = one.face.canvas.getContext("2d");
      pen.putImageData(frame.face, 0, 0);
      if (box) pen.putImageData(frame.paint, 0, 0, box.left, box.top, box.width, box.height);
      for (const { square } of [one.face, one.heat]) place(square, box, frame.size);
      const answer = spot ? under(frame, spot) : frame.clean;
      const best = largest(answer);
      fill(k, frame, answer, best);
      one.face.title.textContent = spot ? "the face, partly covered" : "the face";
      titles.push(`${frame.classes[best]}, ${percent(answer[best])}`);
      sentences.push(spot ? covered(frame, box, answer, best) : whole(frame, best));
    }
    heading.replaceChildren();
    titles.forEach((title, k) => make(heading, "span", second.frame ? `fer-mine fer-mine${k}` : "", title));
    if (second.frame) sentences[1] = sentences[1].replace(/^[^:]*:/, "Beside it,");
    said.textContent = `${sentences.join(" ")}${first.spot ? "" : ` ${HINT}`}`;
    root.dataset.spot = first.spot ? first.spot.join(",") : "";
  };

  const fill = (k, frame, answer, best) => {
    frame.classes.forEach((name, i) => {
      const row = [...rows.children].find((one) => one.dataset.name === name);
      row.classList.toggle(`fer-first${k || ""}`, i === best);
      row.querySelector(`.fer-fill${k || ""}`).style.width = `${100 * answer[i]}%`;
      row.querySelector(`.fer-clean${k || ""}`).style.left = `${100 * frame.clean[i]}%`;
      row.querySelector(`.fer-percent${k || ""}`).textContent = percent(answer[i]);
    });
    for (const row of rows.children) {
      if (!frame.classes.includes(row.dataset.name)) row.classList.remove(`fer-first${k || ""}`);
    }
  };

  const move = (to) => {
    if (!parts[0].frame) return;
    aim = to;
    const next = shown().map(({ frame }) => nearest(frame, aim));
    if (String(next) === String(shown().map(({ spot }) => spot))) return;
    show();
  };

  const follow = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    move([(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width]);
  };

  const steer = (event, { frame, spot }) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!frame?.table || event.ctrlKey || event.altKey || event.metaKey) return;
    if (step) move(middle(frame, spot ? spot.map((n, i) => n + step[i]) : frame.peak));
    else if (event.key === "Home") move(middle(frame, frame.peak));
    else if (event.key === "Escape") move(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  for (const one of parts) {
    for (const { canvas } of [one.face, one.heat]) {
      canvas.addEventListener("pointermove", follow);
      canvas.addEventListener("pointerdown", follow);
      canvas.addEventListener("pointerleave", (event) => {
        if (event.pointerType !== "touch") move(null); // a finger that is lifted leaves its answer
      });
      canvas.addEventListener("keydown", (event) => steer(event, one));
      canvas.addEventListener("blur", () => move(null));
    }
  }
  const dim = () => root.classList.toggle("fer-busy", model.get("busy"));
  model.on("change:frame change:beside", take);
  model.on("change:busy", dim);
  take();
  dim();
  return () => {
    model.off("change:frame change:beside", take);
    model.off("change:busy", dim);
  };
}

// A frame with typed arrays in place of bytes; before there is a map, with the face and the answer only.
function read(got) {
  if (!got.face) return null;
  const frame = { ...got };
  for (const name of ["face", "paint", "map"]) {
    if (got[name]) frame[name] = new ImageData(numbers(got[name], Uint8ClampedArray), got.size[1]);
  }
  if (got.palette) frame.palette = new ImageData(numbers(got.palette, Uint8ClampedArray), 256);
  if (got.table) frame.table = numbers(got.table, Float32Array);
  frame.clean = numbers(got.clean, Float32Array);
  return frame;
}

function part(parent, name) {
  const face = panel(parent, "face", name === "frame" ? "" : " beside");
  const heat = panel(parent, "map", name === "frame" ? "" : " beside");
  const scale = make(heat.figure, "div", "fer-scale");
  const palette = make(scale, "canvas", "");
  const limits = make(scale, "div", "fer-limits");
  if (name === "beside") heat.title.classList.add("fer-mine", "fer-mine1");
  return { name, face, heat, palette, limits, frame: null, spot: null };
}

// The map with its scale; of a frame without one the map before stays, dimmed by `busy`.
function picture({ frame, face, heat, palette, limits }, name) {
  if ([face.canvas.height, face.canvas.width].join() !== frame.size.join()) {
    for (const { canvas } of [face, heat]) [canvas.height, canvas.width] = frame.size;
  }
  if (!frame.table) return;
  heat.canvas.getContext("2d").putImageData(frame.map, 0, 0);
  [palette.width, palette.height] = [frame.palette.width, 1];
  palette.getContext("2d").putImageData(frame.palette, 0, 0);
  limits.replaceChildren();
  for (const limit of frame.limits) make(limits, "span", "", limit);
  heat.title.textContent = frame.title;
  heat.title.title = name ? `${name}: ${frame.title}` : frame.title;
}

function panel(parent, name, where) {
  const figure = make(parent, "div", `fer-panel fer-${name}${where ? " fer-beside" : ""}`);
  const title = make(figure, "h4", "");
  const stage = make(figure, "div", "fer-stage");
  const canvas = make(stage, "canvas", "");
  // one stop for Tab: the square moves over all pictures at once, and a click gives any the keys
  canvas.tabIndex = name === "face" && !where ? 0 : -1;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "picture");
  canvas.setAttribute(
    "aria-label",
    `${name}${where}. Arrow keys move the square, Home takes it to where it costs most, Escape takes it away.`,
  );
  return { figure, title, canvas, square: make(stage, "div", "fer-square") };
}

function bar(name, frames) {
  const row = document.createElement("div");
  row.className = "fer-row";
  row.dataset.name = name;
  make(row, "span", "fer-name", name);
  const tracks = make(row, "span", "fer-tracks");
  const percents = make(row, "span", "fer-percents");
  frames.forEach(({ classes }, k) => {
    const track = make(tracks, "span", "fer-track");
    if (classes.includes(name)) {
      make(track, "div", `fer-fill fer-fill${k || ""}`);
      make(track, "div", `fer-clean fer-clean${k || ""}`);
    }
    make(percents, "span", `fer-percent${k || ""}`, classes.includes(name) ? "" : "\u2013");
  });
  return row;
}

const middle = (frame, spot) =>
  spot.map((n, i) => (n * frame.stride[i] + frame.window[i] / 2) / frame.size[i]);

const nearest = (frame, aim) =>
  aim &&
  frame.table &&
  aim.map((share, i) => {
    const at = share * frame.size[i];
    const position = Math.round((at - frame.window[i] / 2) / frame.stride[i]);
    return Math.max(0, Math.min(position, frame.counts[i] - 1));
  });

// What of the window lies inside the picture: the last ones are cut off at the border.
function boxAt(frame, spot) {
  const [top, left] = spot.map((n, i) => n * frame.stride[i]);
  const [height, width] = [top, left].map((start, i) =>
    Math.min(frame.window[i], frame.size[i] - start),
  );
  return { top, left, height, width };
}

function place(square, box, [height, width]) {
  square.style.display = box ? "" : "none";
  if (!box) return;
  square.style.left = `${(100 * box.left) / width}%`;
  square.style.top = `${(100 * box.top) / height}%`;
  square.style.width = `${(100 * box.width) / width}%`;
  square.style.height = `${(100 * box.height) / height}%`;
}

function under(frame, [row, column]) {
  const classes = frame.classes.length;
  const first = (row * frame.counts[1] + column) * classes;
  return frame.table.subarray(first, first + classes);
}

const largest = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

const whole = (frame, first) =>
  `The whole face: the net says ${frame.classes[first]}, ${percent(frame.clean[first])}.`;

function covered(frame, box, answer, first) {
  const before = largest(frame.clean);
  const rows = `rows ${box.top} to ${box.top + box.height - 1}`;
  const columns = `columns ${box.left} to ${box.left + box.width - 1}`;
  const verdict =
    first === before
      ? `the net still says ${frame.classes[first]}, ${percent(answer[first])}`
      : `the net now says ${frame.classes[first]}, ${percent(answer[first])}, no longer ${frame.classes[before]}`;
  const target = frame.target;
  return (
    `Without ${rows}, ${columns}: ${verdict}. ` +
    `The probability of ${frame.classes[target]} goes from ${percent(frame.clean[target])} ` +
    `to ${percent(answer[target])}.`
  );
}

export default { render };
