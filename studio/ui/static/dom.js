// Small tools that every view of the page uses: elements, icons, words, word differences.

const { words, icons, upload, formats } = window.studio;
export const FORMATS = formats; // names of what an article can be exported to, their words are `format_` and the name
export const MAX_MIB = upload / 2 ** 20; // a file that is sent to the studio
/** The place of the reader's language in a pair of words. @type {0 | 1} */
export const spoken = navigator.language.startsWith("zh") ? 1 : 0;

/** @import { Attributes, Change, Child } from "./types" */

/**
 * A word of the page in the reader's language; `{n}` and the like are filled in.
 *
 * @param {string} key
 * @param {Record<string, string | number>} facts
 * @returns {string}
 */
export function word(key, facts = {}) {
  const text = words[key] ? words[key][spoken] : key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? String(facts[name]) : whole));
}

/**
 * An element. Text children are text: nothing given here is ever read as HTML.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} attributes
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  const settable = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (made));
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "value" || (name in made && typeof value !== "string")) settable[name] = value;
    else made.setAttribute(name === "className" ? "class" : name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/**
 * The element on the page that a view counts on.
 *
 * @param {string} selector
 * @param {ParentNode} parent
 * @returns {HTMLElement}
 * @throws {Error} where there is none
 */
export function find(selector, parent = document) {
  const found = parent.querySelector(selector);
  if (found instanceof HTMLElement) return found;
  throw new Error(`nothing on the page fits ${selector}`);
}

/**
 * A stroke icon of the bundled set (Lucide); decoration only, the label stands beside it or on the button.
 *
 * @param {string} name
 */
export function icon(name) {
  const made = h("span", { className: "icon", "aria-hidden": "true" });
  made.innerHTML = icons[name] || "";
  return made;
}

/**
 * A button with an icon; `plain` ones show their words on hover and to screen readers only.
 *
 * @param {string} key of its word
 * @param {string} iconName
 * @param {() => unknown} onclick
 * @param {{ plain?: boolean, kind?: string, disabled?: boolean }} options
 */
export function button(key, iconName, onclick, { plain = false, kind = "", disabled = false } = {}) {
  const name = word(key);
  return h(
    "button",
    { type: "button", className: `act ${kind}`, "data-act": key, title: plain ? name : null, "aria-label": name, disabled, onclick },
    iconName ? icon(iconName) : "",
    plain ? "" : h("span", {}, name),
  );
}

/**
 * Make `parent`'s children exactly `wanted`, moving as little as possible.
 *
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} wanted
 */
export function arrange(parent, wanted) {
  let at = parent.firstChild;
  for (const child of wanted) {
    if (child === at) at = at.nextSibling;
    else parent.insertBefore(child, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/**
 * The words of a text: runs of letters, single Chinese characters, blanks, signs.
 *
 * @param {string} text
 * @returns {string[]}
 */
const tokens = (text) => text.match(/[\u3400-\u9fff]|[\p{L}\p{N}]+|\s+|[^\s]/gu) || [];

/**
 * Word difference of two texts (longest common subsequence).
 *
 * @param {string} before
 * @param {string} after
 * @returns {Change[]}
 */
export function difference(before, after) {
  const a = tokens(before),
    b = tokens(after);
  if (a.length * b.length > 4e6)
    return [
      ["old", before],
      ["new", after],
    ];
  const width = b.length + 1;
  const best = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i * width + j] =
        a[i] === b[j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
  /** @type {Change[]} */
  const found = [];
  /** @type {(kind: Change[0], text: string) => void} */
  const add = (kind, text) => {
    const last = found[found.length - 1];
    if (last && last[0] === kind) last[1] += text;
    else found.push([kind, text]);
  };
  let i = 0,
    j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add("same", a[i]);
      i++;
      j++;
    } else if (i < a.length && (j === b.length || best[(i + 1) * width + j] >= best[i * width + j + 1])) add("old", a[i++]);
    else add("new", b[j++]);
  }
  return found;
}

/**
 * A short message at the foot of the page, with one thing that can be done about it.
 *
 * @param {string} text
 * @param {{ name: string, run: () => unknown } | null} act
 */
export function toast(text, act = null) {
  document.querySelector(".toast")?.remove();
  const shown = h(
    "div",
    { className: "toast", role: "status" },
    text,
    act
      ? h(
          "button",
          {
            type: "button",
            className: "act",
            onclick: () => {
              shown.remove();
              act.run();
            },
          },
          act.name,
        )
      : "",
  );
  document.body.append(shown);
  setTimeout(() => shown.remove(), act ? 10000 : 5000);
}
