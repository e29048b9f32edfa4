// The page's half of the camera: it shows the video at its own rate with the last answer over it, and
// sends a picture to Python only when the one before has been answered: always the newest, a JPEG by
// then. So nothing piles up before a slow kernel. Pictures travel as messages: no trait holds one, and
// none gets into the notebook's file (see webcam.py).

const ASKED = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
const LONGEST = 320; // pixels of a picture that is sent
const QUALITY = 0.8; // of its JPEG
const PATIENCE = 5000; // ms without an answer until that is said
const KEPT = 30; // answers that rate and round trip are taken of
const LEAD = 60; // ms before an answer can be there from which on the next pictures are encoded

const LIVE = "python -m fer_utils live --source 0";
const OFF = "Pictures go to this notebook's kernel, one at a time, and are kept nowhere. Ask whoever can be seen.";
const MEANING = "map: red, covering it costs the answer probability; blue, it helps";
const SILENT = "the kernel is busy with another cell, or has stopped. After a restart, run this cell again.";
const CODE = `VS Code gives no notebook the camera. Open the notebook in a browser, run ${LIVE} in a terminal, or take camera(source=0).`;
const INSECURE = `This page came neither by https nor from localhost, so the browser gives it no camera. Open it through localhost (ssh -L leads there), or run ${LIVE} where the camera is.`;
const REFUSED = {
  NotAllowedError: "The camera was refused. Allow it for this page (beside the address), then start again.",
  NotFoundError: 'There is no camera here. Connect one, or take camera(source="drawn"): people that the kit draws.',
  NotReadableError: "The camera is there but gives no picture: another program may hold it. Close that, then start again.",
};

const make = (parent, tag, name, text = "") => {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = text;
  parent.append(node);
  return node;
};

const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const largest = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
const onFrame = (video, done) =>
  video.requestVideoFrameCallback ? video.requestVideoFrameCallback(done) : requestAnimationFrame(done);
const off = (stream) => stream?.getTracks().forEach((track) => track.stop());
const inCode = () => location.protocol === "vscode-webview:" || /vscode-cdn\.net$/.test(location.hostname);

export default () => {
  // What all views of one widget share: it may be shown twice, and still one picture is under way.
  let running = null; // the view whose camera is on
  let flight = null; // the picture that waits for its answer: {number, since}
  let number = 0;

  function render({ model, el }) {
    const root = make(el, "div", "fer-camera");
    const parts = make(root, "div", "fer-parts");
    const stage = make(parts, "div", "fer-stage");
    stage.setAttribute("role", "img");
    const video = make(stage, "video", "");
    [video.muted, video.playsInline] = [true, true];
    const film = make(stage, "canvas", "fer-film"); // in place of the video: pictures from Python
    const heat = make(stage, "canvas", "fer-heat");
    const boxes = make(stage, "div", "fer-boxes");
    const bars = make(parts, "div", "fer-bars");
    const line = make(root, "div", "fer-line");
    const button = make(line, "button", "jupyter-button fer-start");
    const rates = make(line, "span", "fer-rates");
    const said = make(root, "p", "fer-said");

    const still = document.createElement("canvas"); // what is sent is drawn here
    const pen = still.getContext("2d", { willReadFrequently: true });
    const source = model.get("source"); // what Python takes pictures from; "": the page has a camera
    const view = { stop: () => stop() };
    let stream = null;
    let turn = 0; // of Start and Stop: what was waited for may come too late
    let encoding = false, ready = null; // the newest picture, which has not been sent: a JPEG
    let frames = [], answers = []; // when they came; of answers also how long they took

    const say = (words, wrong = false) => {
      said.setAttribute("role", wrong ? "alert" : "status");
      if (said.textContent !== words) said.textContent = words;
      said.classList.toggle("fer-wrong", wrong);
    };

    // --- on and off

    const start = async () => {
      running?.stop();
      if (flight && performance.now() - flight.since > PATIENCE) flight = null; // it got lost
      const mine = ++turn;
      [frames, answers, ready] = [[], [], null];
      if (!source) {
        if (!navigator.mediaDevices) return say(inCode() ? CODE : INSECURE, true);
        [button.textContent, button.disabled] = ["Waiting for the camera", true];
        try {
          const got = await navigator.mediaDevices.getUserMedia({ video: ASKED });
          if (mine !== turn) return off(got);
          stream = video.srcObject = got;
          await video.play();
        } catch (error) {
          if (mine !== turn) return;
          stop();
          const words = REFUSED[error.name] ?? `The camera cannot be used: ${error.message}`;
          return say(inCode() ? CODE : words, true);
        }
        if (mine !== turn) return;
        const [track] = stream.getVideoTracks();
        track.addEventListener("ended", () => {
          stop();
          say("The camera has gone.", true);
        });
        // as everybody knows oneself
        stage.classList.toggle("fer-mirror", track.getSettings().facingMode !== "environment");
      }
      running = view;
      [button.textContent, button.disabled] = ["Stop", false];
      root.dataset.running = "true";
      say("");
      stream ? onFrame(video, tick) : ask();
    };

    const stop = () => {
      turn++;
      if (running === view && source) send({ stop: true });
      if (running === view) running = null;
      off(stream);
      stream = video.srcObject = null;
      boxes.replaceChildren();
      heat.width = film.width = 0; // empties them
      delete root.dataset.running;
      stage.setAttribute("aria-label", "The camera is off.");
      [button.textContent, button.disabled] = [source ? `Start ${source}` : "Start camera", false];
      rates.textContent = "";
      fill([]);
      say(source ? "" : OFF);
    };

    // --- out: one picture under way, always the newest

    const send = (content, data = []) => {
      try {
        model.send(content, undefined, data);
      } catch {
        say(`No answer: ${SILENT}`, true);
      }
    };

    const tick = () => {
      if (running !== view) return;
      frames = [...frames, performance.now()].slice(-KEPT);
      const soonest = Math.min(...answers.map(({ took }) => took)) - LEAD;
      if (!flight || performance.now() - flight.since > soonest) encode();
      onFrame(video, tick);
    };

    const encode = async () => {
      if (encoding) return;
      const mine = turn;
      encoding = true;
      const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
      const size = [video.videoWidth, video.videoHeight].map((side) => Math.round(side * scale));
      if (String(size) !== String([still.width, still.height])) [still.width, still.height] = size;
      pen.drawImage(video, 0, 0, ...size);
      const file = await new Promise((done) => still.toBlob(done, "image/jpeg", QUALITY));
      const data = await file?.arrayBuffer();
      encoding = false;
      if (mine !== turn || !data) return;
      ready = data;
      ask();
    };

    const ask = () => {
      if (running !== view || flight || (stream && !ready)) return;
      flight = { number: ++number, since: performance.now() };
      send({ frame: number }, ready ? [ready] : []);
      ready = null;
    };

    // --- in

    const got = async (answer, buffers = []) => {
      if (running && running !== view) return;
      if (answer.frame === undefined) return say(answer.said ?? "", Boolean(answer.said));
      if (answer.frame !== flight?.number) return;
      const at = performance.now();
      answers = [...answers, { at, took: at - flight.since, kernel: answer.ms }].slice(-KEPT);
      flight = null;
      if (running !== view) return;
      if (answer.said && source && !answer.picture) stop(); // it gives nothing
      say(answer.said ?? "", Boolean(answer.said));
      if (stream) ask(); // before anything is drawn
      const data = [...buffers];
      if (answer.picture) await screen(data.shift());
      if (running !== view) return;
      show(answer);
      paint(answer, data.shift());
      root.dataset.answers = Number(root.dataset.answers ?? 0) + 1;
      if (!stream) requestAnimationFrame(ask);
    };

    const screen = async (data) => {
      const picture = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
      [film.width, film.height] = [picture.width, picture.height];
      film.getContext("2d").drawImage(picture, 0, 0);
    };

    const place = (node, [left, top, width, height], [across, down]) => {
      const from = stage.classList.contains("fer-mirror") ? across - left - width : left;
      const shares = { left: from / across, top: top / down, width: width / across, height: height / down };
      for (const [name, share] of Object.entries(shares)) node.style[name] = `${100 * share}%`;
    };

    const show = ({ faces, size }) => {
      if (size) stage.style.aspectRatio = `${size[0]} / ${size[1]}`;
      const old = new Map([...boxes.children].map((node) => [node.dataset.face, node]));
      for (const { id, box, shares, color } of faces) {
        const node = old.get(String(id)) ?? make(boxes, "div", "fer-box");
        old.delete(String(id));
        if (!node.firstChild) make(node, "span", "fer-word");
        node.dataset.face = id;
        node.style.setProperty("--color", `rgb(${color})`);
        place(node, box, size);
        const best = largest(shares);
        node.firstChild.textContent = `${model.get("classes")[best]} ${percent(shares[best])}`;
        node.classList.toggle("fer-high", box[1] < 0.09 * size[1]); // no room for the word above
      }
      for (const node of old.values()) node.remove();
      fill(faces);
      const words = [...boxes.children].map((node) => node.textContent);
      stage.setAttribute("aria-label", words.length ? `Faces: ${words.join(", ")}.` : "No face is found.");
    };

    const paint = ({ faces, size, mapped }, data) => {
      const face = faces.find(({ id }) => id === mapped);
      if (data) {
        const side = Math.sqrt(data.byteLength / 4);
        const bytes = new Uint8ClampedArray(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
        [heat.width, heat.height] = [side, side];
        heat.getContext("2d").putImageData(new ImageData(bytes.slice(), side), 0, 0);
        heat.dataset.face = mapped;
      }
      const there = face && heat.dataset.face === String(mapped);
      heat.style.display = there ? "" : "none";
      bars.querySelector(".fer-meaning").textContent = there ? MEANING : "";
      if (there) place(heat, [...face.square, face.square[2]], size);
    };

    // --- probabilities: a row for each class, in it a bar for each face

    const rows = () => {
      bars.replaceChildren();
      for (const name of model.get("classes")) {
        const row = make(bars, "div", "fer-row");
        make(row, "span", "fer-name", name);
        make(row, "div", "fer-track");
        make(row, "span", "fer-percent");
      }
      make(bars, "div", "fer-note", "each face's bars have the colour of its box");
      make(bars, "div", "fer-note fer-meaning");
    };

    const fill = (faces) => {
      const best = faces.map(({ shares }) => largest(shares));
      bars.querySelectorAll(".fer-row").forEach((row, k) => {
        const track = row.children[1];
        track.replaceChildren();
        for (const { shares, color } of faces) {
          const bar = make(track, "div", "fer-fill");
          bar.style.cssText = `width: ${100 * shares[k]}%; background: rgb(${color})`;
        }
        row.lastChild.textContent = faces.length === 1 ? percent(faces[0].shares[k]) : "";
        row.classList.toggle("fer-first", best.includes(k));
      });
    };

    const perSecond = (times) =>
      times.length > 1 ? ((1000 * (times.length - 1)) / (times.at(-1) - times[0])).toFixed(1) : "–";

    const look = () => {
      if (running !== view) return;
      const waits = flight ? performance.now() - flight.since : 0;
      if (waits > PATIENCE) say(`No answer for ${Math.round(waits / 1000)} s: ${SILENT}`, true);
      if (!answers.length) return;
      const middle = (part) => Math.round(median(answers.map((one) => one[part])));
      const shown = stream ? `, video ${perSecond(frames)} a second` : "";
      rates.textContent =
        `${perSecond(answers.map((one) => one.at))} answers a second, ` +
        `round trip ${middle("took")}\u00a0ms (kernel ${middle("kernel")}\u00a0ms)${shown}`;
    };

    button.addEventListener("click", () => (running === view ? stop() : start()));
    const timer = setInterval(look, 500);
    model.on("msg:custom", got);
    model.on("change:classes", rows);
    rows();
    stop();
    return () => {
      stop();
      clearInterval(timer);
      model.off("msg:custom", got);
      model.off("change:classes", rows);
    };
  }

  return { render };
};
