// The address names the tab and what is open in it: #/write/12, #/chat/3, #/history. So a reload, the back button and a
// link come to where one was.

/** @import { Given, Place, View } from "./types" */

const TABS = ["write", "chat", "talk", "table", "web", "library", "history", "about"];
/** @type {Map<string, View>} */
const views = new Map();
/** @type {Place | null} what was asked for and is not open yet */
let asked = null;
let tab = TABS[0];
let timer = 0;
/** @type {string[]} tabs that were chosen from here; Gradio tells of each later, when another may have been chosen */
const chosen = [];

/**
 * A tab in which something can be open.
 *
 * @param {string} name
 * @param {View} view
 */
export function register(name, view) {
  views.set(name, view);
  if (asked?.tab === name) view.open?.(asked.id); // it was asked for before the tab was drawn
}

/** Something was opened, begun or closed: the address follows. */
export function moved() {
  clearTimeout(timer);
  timer = setTimeout(follow, 50); // a tab and what is open in it change one after the other
}

/** @param {string} name */
const open = (name) => (asked?.tab === name ? asked.id : (views.get(name)?.id() ?? 0));

function follow() {
  if (asked && views.get(asked.tab)?.id() === asked.id) asked = null;
  const before = read();
  const id = open(tab);
  if (before.tab === tab && before.id === id) return;
  const begun = before.tab === tab && !before.id; // what was begun here is the same place, now with a number
  history[begun ? "replaceState" : "pushState"](history.state, "", `#/${tab}${id ? `/${id}` : ""}`);
}

/** @returns {Place} */
function read() {
  const [, name, id] = /^#\/([a-z]+)(?:\/(\d{1,15}))?$/.exec(location.hash) ?? [];
  return TABS.includes(name) ? { tab: name, id: Number(id ?? 0) } : { tab: TABS[0], id: 0 };
}

/** @param {Given} given */
export function mount({ trigger }) {
  const show = () => {
    const place = read();
    const view = views.get(place.tab);
    asked = null;
    if (place.tab !== tab) {
      window.studioTabs.chosen = place.tab;
      chosen.push(place.tab);
      trigger("choose");
    }
    tab = place.tab;
    if (place.id === (view?.id() ?? 0)) return;
    if (!place.id) return view?.close();
    asked = place;
    if (place.tab === "web") return view?.open?.(place.id); // or when it is drawn, see `register`
    const type = place.tab === "write" ? "article" : "conversation";
    trigger(place.tab === "table" ? "table" : "open", { id: place.id, type, addressed: true }); // the tab is chosen already
  };
  window.studioTabs = {
    chosen: tab,
    selected: (name) => {
      chosen.splice(0, chosen.includes(name) ? chosen.indexOf(name) + 1 : chosen.length);
      if (chosen.length) return;
      tab = name;
      moved();
    },
    missing: () => {
      asked = null;
      moved();
    },
  };
  addEventListener("popstate", show);
  if (location.hash) show();
}
