// What a web page is made from: an instruction, a résumé or a screenshot, and pictures of one's own.

import { button, h, icon, toast, word } from "./dom.js";
import { forget, keep, kept } from "./storage.js";
import { send, sendText } from "./upload.js";

/** @import { Upload, WebPageServer } from "./types" */

const KINDS = ["instruction", "resume", "screenshot"];
const DRAFT = "web-form";

/** @typedef {{ path: string, url: string, name: string }} Chosen */
/** @typedef {{ kind: string, text: string, screenshot: string, files: string[] }} Request */

/**
 * @param {{ upload: Upload, server: WebPageServer, suffixes: string[], most: number, make: (request: Request) => void }} given
 */
export function pageForm({ upload, server, suffixes, most, make }) {
  /** @type {Record<string, string>} */
  const texts = { instruction: "", resume: "" };
  let kind = KINDS[0];
  /** @type {Chosen[]} */
  let shots = [];
  /** @type {Chosen[]} */
  const own = [];

  const choices = KINDS.map((name) => {
    const choice = h("input", { type: "radio", value: name, checked: name === kind, onchange: () => choose(name) });
    choice.name = "web-from";
    return choice;
  });
  const from = h(
    "fieldset",
    { className: "from" },
    h("legend", {}, word("web_from")),
    choices.map((choice) => h("label", {}, choice, h("span", {}, word(`web_${choice.value}`)))),
  );
  const label = h("span", { className: "label" });
  const area = h("textarea", {
    rows: 7,
    oninput: () => {
      texts[kind] = area.value;
      keep(DRAFT, Object.values(texts).some(Boolean) ? { kind, texts } : null);
    },
    onkeydown: (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start();
    },
  });
  const text = h("label", {}, label, area);
  const file = fileInput(suffixes.join(","), false, async (one) => {
    const sent = await sendText(upload, one, suffixes);
    if (sent.problem !== undefined) return toast(sent.problem);
    const read = await server.act({ kind: "read", path: sent.path, name: one.name }).catch(() => ({ error: word("unreachable") }));
    if (read.error !== undefined) return toast(read.error);
    area.value = read.text;
    area.dispatchEvent(new Event("input"));
  });
  const resume = chooser("web_resume_file", "file-text", () => file.click());
  const shotFile = fileInput("image/*,.heic,.heif", false, async (one) => {
    const sent = await taken(one);
    if (sent) shots = [sent];
    draw();
  });
  const shot = chooser("web_screenshot_file", "image-plus", () => shotFile.click());
  const shown = h("div", { className: "strip" });
  const ownFiles = fileInput("image/*,.heic,.heif", true, async (one) => {
    const sent = own.length < most ? await taken(one) : null;
    if (sent) own.push(sent);
    draw();
  });
  const ownShown = h("div", { className: "strip" });
  const ownChoose = chooser("web_own", "images", () => ownFiles.click());
  const go = button("web_start", "", start, { kind: "primary" });
  const cannot = h("p", { className: "hint cannot", hidden: true });
  const node = h(
    "form",
    { className: "page-form" },
    from,
    text,
    h("div", {}, resume, file, shown, shot, shotFile),
    h("div", {}, ownShown, ownChoose, ownFiles, h("p", { className: "hint" }, word("web_own_hint"))),
    go,
    cannot,
  );
  node.addEventListener("submit", (event) => event.preventDefault());

  /** @param {File} one @returns {Promise<Chosen | null>} */
  async function taken(one) {
    const { path, problem } = await send(upload, one);
    if (problem === undefined) return { path, url: URL.createObjectURL(one), name: one.name };
    toast(problem);
    return null;
  }
  /** @param {string} name */
  function choose(name) {
    kind = name;
    area.value = texts[kind] ?? "";
    keep(DRAFT, Object.values(texts).some(Boolean) ? { kind, texts } : null);
    draw();
  }
  function start() {
    make({ kind, text: texts[kind] ?? "", screenshot: shots[0]?.path ?? "", files: own.map((one) => one.path) });
  }
  function draw() {
    for (const choice of choices) choice.checked = choice.value === kind;
    text.hidden = kind === "screenshot";
    if (!text.hidden) {
      label.textContent = word(`web_${kind}_label`);
      area.placeholder = word(`web_${kind}_hint`);
    }
    resume.hidden = kind !== "resume";
    shot.hidden = shown.hidden = kind !== "screenshot";
    shown.replaceChildren(...thumbs(shots, draw));
    ownShown.replaceChildren(...thumbs(own, draw));
    ownChoose.hidden = own.length >= most;
  }

  const draft = kept(DRAFT);
  if (draft && typeof draft === "object" && "texts" in draft && "kind" in draft) {
    Object.assign(texts, draft.texts);
    if (KINDS.includes(String(draft.kind))) kind = String(draft.kind);
  }
  area.value = texts[kind] ?? "";
  draw();
  return {
    node,
    /** It was taken: nothing of it is a draft any more. */
    sent: () => forget(DRAFT),
    /** @param {boolean} busy */
    busy: (busy) => {
      go.disabled = busy || !cannot.hidden;
    },
    /** @param {string} model that cannot make pages, "" where it can */
    forbid: (model) => {
      cannot.hidden = !model;
      cannot.textContent = model ? word("web_cannot", { model }) : "";
      go.disabled = Boolean(model);
    },
    focus: () => area.focus(),
  };
}

/**
 * @param {string} accept
 * @param {boolean} multiple
 * @param {(file: File) => Promise<unknown>} take
 */
function fileInput(accept, multiple, take) {
  const input = h("input", {
    type: "file",
    accept,
    multiple,
    hidden: true,
    onchange: async () => {
      for (const one of [...(input.files ?? [])]) await take(one);
      input.value = "";
    },
  });
  return input;
}

/** @type {(key: string, iconName: string, onclick: () => unknown) => HTMLButtonElement} */
const chooser = (key, iconName, onclick) =>
  h("button", { type: "button", className: "choose", "data-act": key, onclick }, icon(iconName), h("span", {}, word(key)));

/** @type {(chosen: Chosen[], draw: () => void) => HTMLElement[]} */
const thumbs = (chosen, draw) =>
  chosen.map((one, at) => {
    const name = `${word("web_remove_picture")}: ${one.name}`;
    const remove = () => {
      chosen.splice(at, 1);
      draw();
    };
    return h(
      "button",
      { type: "button", className: "thumb", title: name, "aria-label": name, onclick: remove },
      h("img", { src: one.url, alt: "" }),
      icon("x"),
    );
  });
