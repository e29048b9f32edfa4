// Puts the explorers of fer_utils/widgets into a page without a kernel. Each module there asks a model
// for its traits; this one holds what the build has stored, and answers from a table what Python would.
var FER = window.FER ?? { modules: {}, explorers: {} }; // whichever script of the page comes first makes it

(() => {
  // As ipywidgets does it: bytes arrive as a DataView, at the path they were taken from.
  const unpack = ({ state, buffers }) => {
    const traits = structuredClone(state);
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const home = path.slice(0, -1).reduce((at, key) => (at[key] ??= {}), traits);
      home[path.at(-1)] = new DataView(bytes.buffer);
    }
    return traits;
  };

  // What the modules use of an anywidget model: get, set, save_changes, on, off.
  class Model {
    #traits = {};
    #listeners = [];
    answers = {}; // trait -> its value as text -> what Python would set then
    get(name) {
      return this.#traits[name];
    }
    set(name, value) {
      this.#traits[name] = value;
      for (const [event, done] of [...this.#listeners]) if (event === `change:${name}`) done();
    }
    take(packed) {
      for (const [name, value] of Object.entries(unpack(packed))) this.set(name, value);
    }
    save_changes() {
      for (const [name, table] of Object.entries(this.answers)) {
        const answer = table[String(this.get(name))];
        if (answer) this.take(answer);
      }
    }
    on(events, done) {
      for (const event of events.split(" ")) this.#listeners.push([event, done]);
    }
    off(events, done) {
      const gone = events.split(" ");
      this.#listeners = this.#listeners.filter(([event, f]) => f !== done || !gone.includes(event));
    }
  }

  const DEFAULTS = { pointer: { frame: {}, beside: {}, names: [], busy: false }, matrix: { shown: {} } };

  const mount = (place) => {
    const spec = FER.explorers[place.dataset.explorer];
    if (!spec) return;
    const model = new Model();
    model.take({ state: DEFAULTS[spec.module], buffers: [] });
    model.take(spec.model);
    place.replaceChildren();
    const lists = Object.entries(spec.lists ?? {}).map(([name, choices]) => list(place, name, choices));
    const choose = () => {
      const chosen = spec.table?.[lists.map(({ selectedIndex }) => selectedIndex).join()];
      if (!chosen) return;
      model.answers = chosen.answers ?? {};
      model.take(chosen);
      model.save_changes();
    };
    for (const one of lists) one.addEventListener("change", choose);
    const el = document.createElement("div");
    place.append(el);
    choose();
    FER.modules[spec.module].render({ model, el });
  };

  const list = (place, name, choices) => {
    const label = document.createElement("label");
    label.className = "explorer-list";
    label.append(`${name} `);
    const select = document.createElement("select");
    for (const choice of choices) select.add(new Option(choice));
    label.append(select);
    label.hidden = choices.length === 1;
    place.append(label);
    return select;
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".explorer").forEach(mount);
  });
})();
