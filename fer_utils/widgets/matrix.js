// A confusion matrix as a grid of cells, and the faces of the chosen one. What is in a cell is asked
// of Python: `cell` goes there, `shown` comes back (see matrix.py).

const HINT = "Click a cell, or focus the matrix and use the arrow keys.";

const make = (parent, tag, name, text = "") => {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text;
  parent.append(node);
  return node;
};

const numbers = (view, Type) =>
  new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

function render({ model, el }) {
  const root = make(el, "div", "fer-cells");
  root.dataset.lmSuppressShortcuts = "true"; // arrow keys are ours while a cell has the focus
  const table = make(root, "table", "fer-matrix");
  table.setAttribute("role", "grid");
  table.setAttribute("aria-label", `confusion matrix. ${HINT}`);
  const faces = make(root, "div", "fer-faces");
  const heading = make(faces, "h4", "");
  heading.setAttribute("aria-live", "polite");
  const legend = make(faces, "div", "fer-legend");
  const cards = make(faces, "div", "fer-cards");
  cards.tabIndex = 0; // where there is no room for all of them they scroll, by arrow keys as well
  cards.setAttribute("role", "group");
  cards.setAttribute("aria-label", "the faces of the chosen cell");
  make(faces, "div", "fer-hint", HINT);
  let cells = []; // rows of buttons' places

  const build = (classes) => {
    table.replaceChildren();
    const names = make(make(table, "caption", ""), "span", "", "labelled (rows), answered (columns)");
    names.className = "fer-hint";
    const head = make(make(table, "thead", ""), "tr", "");
    make(head, "td", "");
    for (const name of classes) {
      const column = make(head, "th", "fer-column");
      column.scope = "col";
      make(column, "span", "", name);
    }
    const body = make(table, "tbody", "");
    cells = classes.map((label, row) => {
      const line = make(body, "tr", "");
      const first = make(line, "th", "fer-label", label);
      first.scope = "row";
      return classes.map((_, column) => {
        const cell = make(line, "td", "fer-cell");
        cell.setAttribute("role", "gridcell");
        cell.addEventListener("click", () => choose(row, column));
        cell.addEventListener("keydown", (event) => steer(event, row, column));
        return cell;
      });
    });
  };

  const takeMatrix = () => {
    const matrix = model.get("matrix");
    if (!matrix.classes) return;
    if (cells.length !== matrix.classes.length) build(matrix.classes);
    cells.forEach((line, row) =>
      line.forEach((cell, column) => {
        const faces = matrix.count[row][column];
        cell.textContent = matrix.texts[row][column];
        cell.style.background = matrix.fill[row][column];
        cell.style.color = matrix.light[row][column] ? "white" : "#222";
        cell.setAttribute(
          "aria-label",
          `labelled ${matrix.classes[row]}, answered ${matrix.classes[column]}: ` +
            `${cell.textContent}${matrix.unit} ${matrix.unit ? `, ${faces} faces` : "faces"}`,
        );
      }),
    );
    mark();
  };

  const mark = () => {
    const [row, column] = model.get("cell");
    cells.forEach((line, i) =>
      line.forEach((cell, j) => {
        const chosen = i === row && j === column;
        cell.classList.toggle("fer-chosen", chosen);
        cell.setAttribute("aria-selected", chosen);
        cell.tabIndex = chosen ? 0 : -1; // Tab leads to the chosen cell, and on out of the matrix
      }),
    );
  };

  const choose = (row, column) => {
    model.set("cell", [row, column]);
    model.save_changes();
    cells[row][column].focus();
  };

  const steer = (event, row, column) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const [to, across] = [row + step[0], column + step[1]];
    if (cells[to]?.[across]) choose(to, across);
  };

  const takeFaces = () => {
    const shown = model.get("shown");
    if (!shown.cards) return;
    const [height, width] = shown.size;
    const pixels = numbers(shown.pixels, Uint8ClampedArray);
    heading.textContent = shown.title;
    legend.replaceChildren();
    for (const [color, words] of shown.cards.length ? shown.legend : []) {
      const key = make(legend, "span", "fer-key", words);
      make(key, "i", "").style.background = color;
      key.prepend(key.lastChild);
    }
    const colors = shown.legend.map(([color]) => color);
    cards.replaceChildren(
      ...shown.cards.map((card, k) => {
        const start = 4 * height * width * k;
        const face = new ImageData(pixels.slice(start, start + 4 * height * width), width);
        return draw(card, face, colors);
      }),
    );
    cards.scrollTop = 0;
    root.dataset.shown = shown.title;
  };

  model.on("change:matrix", takeMatrix);
  model.on("change:cell", mark);
  model.on("change:shown", takeFaces);
  takeMatrix();
  takeFaces();
  return () => {
    model.off("change:matrix", takeMatrix);
    model.off("change:cell", mark);
    model.off("change:shown", takeFaces);
  };
}

function draw(card, face, colors) {
  const node = document.createElement("figure");
  node.className = "fer-card";
  const canvas = make(node, "canvas", "");
  [canvas.width, canvas.height] = [face.width, face.height];
  canvas.getContext("2d").putImageData(face, 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", card.said ? `a face; votes: ${card.said}` : "a face");
  const votes = make(node, "div", "fer-votes");
  card.votes.forEach((count, kind) => {
    for (let i = 0; i < count; i++) make(votes, "i", "").style.background = colors[kind];
  });
  const words = make(node, "figcaption", "", unbroken(card.said));
  make(words, "div", "fer-answer", unbroken(card.answer));
  return node;
}

// A number stays on the line of its word.
const unbroken = (words) => words.replace(/ (?=\d|%)/g, "\u00a0");

export default { render };
