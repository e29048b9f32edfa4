// A photograph whose faces are boxes to choose from, one at a time, as radio buttons are: by click, or
// by arrow keys from left to right. The map of the chosen one is painted over it.

const make = (parent, tag, name, text = "") => {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text;
  parent.append(node);
  return node;
};

function render({ model, el }) {
  const root = make(el, "div", "fer-photo");
  root.dataset.lmSuppressShortcuts = "true"; // arrow keys are ours while a face has the focus
  root.setAttribute("role", "radiogroup");
  root.setAttribute("aria-label", "the uploaded photograph: which face?");
  const picture = make(root, "canvas", "fer-picture");
  const heat = make(root, "canvas", "fer-heat");
  let size = [1, 1];
  let faces = []; // the buttons, from left to right

  const place = (node, [left, top, width, height]) => {
    node.style.left = `${(100 * left) / size[0]}%`;
    node.style.top = `${(100 * top) / size[1]}%`;
    node.style.width = `${(100 * width) / size[0]}%`;
    node.style.height = `${(100 * height) / size[1]}%`;
  };

  const choose = (face) => {
    heat.width = 0; // that of the one before
    model.set("chosen", Number(face.dataset.face));
    model.save_changes();
    face.focus();
  };

  const steer = (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const here = faces.indexOf(event.currentTarget);
    choose(faces[(here + step + faces.length) % faces.length]);
  };

  const mark = () => {
    for (const face of faces) {
      const chosen = Number(face.dataset.face) === model.get("chosen");
      face.setAttribute("aria-checked", chosen);
      face.tabIndex = chosen ? 0 : -1;
    }
  };

  const got = async (about, buffers = []) => {
    if (about.boxes) await show(about, buffers[0]);
    if (about.square) paint(about, buffers[0]);
  };

  const show = async ({ boxes, size: whole = [1, 1] }, data) => {
    size = whole;
    heat.width = picture.width = 0;
    for (const face of faces) face.remove();
    const order = boxes.map((_, k) => k).sort((a, b) => boxes[a][0] - boxes[b][0]);
    faces = order.map((k, at) => {
      const face = make(root, "button", "fer-face");
      face.type = "button";
      face.dataset.face = k;
      face.setAttribute("role", "radio");
      face.setAttribute("aria-label", `face ${at + 1} of ${boxes.length} from the left`);
      face.addEventListener("click", () => choose(face));
      face.addEventListener("keydown", steer);
      place(face, boxes[k]);
      return face;
    });
    mark();
    if (!data) return;
    const drawn = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
    [picture.width, picture.height] = [drawn.width, drawn.height];
    picture.getContext("2d").drawImage(drawn, 0, 0);
  };

  const paint = ({ square, side }, data) => {
    const bytes = new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength).slice();
    heat.width = heat.height = side;
    heat.getContext("2d").putImageData(new ImageData(bytes, side), 0, 0);
    place(heat, [...square, square[2]]);
  };

  model.on("msg:custom", got);
  model.on("change:chosen", mark);
  model.send({ ready: true });
  return () => {
    model.off("msg:custom", got);
    model.off("change:chosen", mark);
  };
}

export default { render };
