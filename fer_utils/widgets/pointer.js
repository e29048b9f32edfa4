// Draws a face, its map, and the probabilities for the square under the pointer. Everything it
// needs is in `frame` (see views.py), so following the pointer takes no round trip to Python.

const HINT = "Move the pointer over the face, or focus it and use the arrow keys.";

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
  const face = panel(panels, "face");
  const heat = panel(panels, "map");
  const scale = make(heat.figure, "div", "fer-scale");
  const palette = make(scale, "canvas", "");
  const limits = make(scale, "div", "fer-limits");
  const note = make(heat.figure, "div", "fer-note");
  const bars = make(panels, "div", "fer-bars");
  const heading = make(bars, "h4", "");
  const rows = make(bars, "div", "");
  make(bars, "div", "fer-note", "bar: what is shown; line: the whole face");
  const said = make(root, "p", "fer-said");
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");

  let frame = null; // with typed arrays in place of bytes
  let aim = null; // [y, x] in pixels, where the square is wanted; null shows the whole face
  let spot = null; // [row, column] of the position nearest to it
  let drawn = 0;

  const take = () => {
    const got = model.get("frame");
    if (!got.face) return;
    frame = { ...got };
    for (const name of ["face", "paint", "map"]) {
      frame[name] = new ImageData(numbers(got[name], Uint8ClampedArray), got.size[1]);
    }
    frame.palette = new ImageData(numbers(got.palette, Uint8ClampedArray), 256);
    frame.table = numbers(got.table, Float32Array);
    frame.clean = numbers(got.clean, Float32Array);
    rows.replaceChildren(...frame.classes.map(bar));
    for (const { canvas } of [face, heat]) [canvas.height, canvas.width] = frame.size;
    heat.canvas.getContext("2d").putImageData(frame.map, 0, 0);
    [palette.width, palette.height] = [frame.palette.width, 1];
    palette.getContext("2d").putImageData(frame.palette, 0, 0);
    limits.replaceChildren();
    for (const limit of frame.limits) make(limits, "span", "", limit);
    [heat.title.textContent, note.textContent] = [frame.title, frame.note];
    spot = nearest(frame, aim); // a finer or a coarser grid: the same place on the face
    show();
    root.dataset.stride = frame.stride; // of a net that takes its time, coarse maps come first
    root.dataset.frames = ++drawn;
  };

  const show = () => {
    if (!frame) return;
    const pen = face.canvas.getContext("2d");
    pen.putImageData(frame.face, 0, 0);
    const box = spot && boxAt(frame, spot);
    if (box) pen.putImageData(frame.paint, 0, 0, box.left, box.top, box.width, box.height);
    for (const { square } of [face, heat]) place(square, box, frame.size);
    const answer = spot ? under(frame, spot) : frame.clean;
    const first = largest(answer);
    [...rows.children].forEach((row, k) => {
      row.classList.toggle("fer-first", k === first);
      row.querySelector(".fer-fill").style.width = `${100 * answer[k]}%`;
      row.querySelector(".fer-clean").style.left = `${100 * frame.clean[k]}%`;
      row.querySelector(".fer-percent").textContent = percent(answer[k]);
    });
    const name = frame.classes[first];
    heading.textContent = `${name}, ${percent(answer[first])}`;
    face.title.textContent = spot ? "the face, partly covered" : "the face";
    said.textContent = spot ? covered(frame, box, answer, first) : whole(frame, first);
    root.dataset.spot = spot ? spot.join(",") : "";
  };

  const move = (to) => {
    if (!frame) return;
    aim = to;
    const next = nearest(frame, aim);
    if (String(next) === String(spot)) return;
    spot = next;
    show();
  };

  const follow = (event) => {
    if (!frame) return;
    const box = event.currentTarget.getBoundingClientRect();
    const at = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    move(at.map((part, i) => part * frame.size[i]));
  };

  const steer = (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!frame || event.ctrlKey || event.altKey || event.metaKey) return;
    if (step) move(middle(frame, spot ? spot.map((n, i) => n + step[i]) : frame.peak));
    else if (event.key === "Home") move(middle(frame, frame.peak));
    else if (event.key === "Escape") move(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  for (const { canvas } of [face, heat]) {
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", follow);
    canvas.addEventListener("pointerleave", () => move(null));
    canvas.addEventListener("keydown", steer);
    canvas.addEventListener("blur", () => move(null));
  }
  const dim = () => root.classList.toggle("fer-busy", model.get("busy"));
  model.on("change:frame", take);
  model.on("change:busy", dim);
  take();
  dim();
  return () => {
    model.off("change:frame", take);
    model.off("change:busy", dim);
  };
}

function panel(parent, name) {
  const figure = make(parent, "div", `fer-panel fer-${name}`);
  const title = make(figure, "h4", "");
  const stage = make(figure, "div", "fer-stage");
  const canvas = make(stage, "canvas", "");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "picture");
  canvas.setAttribute(
    "aria-label",
    `${name}. Arrow keys move the square, Home takes it to where it costs most, Escape takes it away.`,
  );
  return { figure, title, canvas, square: make(stage, "div", "fer-square") };
}

function bar(name) {
  const row = document.createElement("div");
  row.className = "fer-row";
  make(row, "span", "fer-name", name);
  const track = make(row, "span", "fer-track");
  make(track, "div", "fer-fill");
  make(track, "div", "fer-clean");
  make(row, "span", "fer-percent");
  return row;
}

const middle = (frame, spot) => spot.map((n, i) => n * frame.stride[i] + frame.window[i] / 2);

const nearest = (frame, aim) =>
  aim &&
  aim.map((at, i) => {
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
  `The whole face: the net says ${frame.classes[first]}, ${percent(frame.clean[first])}. ${HINT}`;

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
