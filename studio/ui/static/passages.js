// Words that are selected in the article, by mouse, finger or keys: which passages they are, and how they stay marked
// while something else has the focus.

/** @import { Passage } from "./types" */
/** @import { Paper } from "./paper.js" */

const SETTLES = 200; // milliseconds without a change
const marks = "highlights" in CSS ? new Highlight() : null;
if (marks) CSS.highlights.set("chosen-words", marks);

/** @param {string} text */
const letters = (text) => [...text].length; // as Python counts them

export class Passages {
  /** @param {Paper} paper */
  constructor(paper) {
    this.paper = paper;
    this.timer = 0;
    this.pressed = false;
    /** @type {{ id: string, from: number, to: number } | null} words that keys have selected, by number */
    this.stepped = null;
    document.addEventListener("selectionchange", () => this.wait());
    document.addEventListener("pointerdown", () => {
      this.pressed = true;
      this.stepped = null;
    });
    for (const kind of ["pointerup", "pointercancel"])
      document.addEventListener(kind, () => {
        this.pressed = false;
        this.wait();
      });
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pressed || this.take(), SETTLES);
  }

  /** What the browser has selected becomes the paper's selection. */
  take() {
    const passages = this.read();
    if (passages.length) this.paper.choose(passages);
  }

  /** @returns {Passage[]} */
  read() {
    const selection = getSelection();
    if (!selection?.rangeCount || selection.isCollapsed) return [];
    const range = selection.getRangeAt(0);
    return this.paper.doc.sections.flatMap(({ id }) => {
      const text = this.paper.nodes.get(id)?.text;
      return text && !text.hidden && range.intersectsNode(text) ? passage(id, text, range) : [];
    });
  }

  /**
   * Whole paragraphs from one to another, in either order.
   *
   * @param {string} from
   * @param {string} to
   * @returns {Passage[]}
   */
  between(from, to) {
    const { sections } = this.paper.doc;
    const [first, last] = [from, to].map((id) => sections.findIndex((one) => one.id === id)).sort((a, b) => a - b);
    return sections
      .slice(Math.max(first, 0), last + 1)
      .map(({ id }) => ({ section: id, words: this.paper.nodes.get(id)?.text.textContent ?? "" }))
      .filter(({ words }) => words.trim());
  }

  /** Whether what was selected still stands there. @param {Passage[]} passages */
  stand(passages) {
    return passages.every(({ section, start, end, words }) => {
      const text = this.paper.nodes.get(section)?.text.textContent;
      return text !== undefined && (start === undefined ? text : [...text].slice(start, end).join("")) === words;
    });
  }

  /** Where on the window a passage is. @param {Passage} passage */
  box({ section, start, end }) {
    const text = this.paper.nodes.get(section)?.text;
    return text && rangeOf(text, start ?? 0, end ?? letters(text.textContent)).getBoundingClientRect();
  }

  /** Show what is selected, also where the browser's own selection is gone. @param {Passage[]} passages */
  mark(passages) {
    marks?.clear();
    for (const { section, start, end } of passages) {
      const text = this.paper.nodes.get(section)?.text;
      if (text) marks?.add(rangeOf(text, start ?? 0, end ?? letters(text.textContent)));
    }
  }

  /**
   * By keys: the next word, or with Shift one more.
   *
   * @param {string} id of the section
   * @param {number} step 1 or -1
   * @param {boolean} more
   */
  step(id, step, more) {
    const text = this.paper.nodes.get(id)?.text;
    if (!text) return;
    const words = [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text.textContent)].filter((one) => one.isWordLike);
    const last = words.length - 1;
    if (last < 0) return;
    const old = this.stepped?.id === id ? this.stepped : { id, from: step > 0 ? -1 : last + 1, to: step > 0 ? -1 : last + 1 };
    const to = Math.min(Math.max(old.to + step, 0), last);
    const from = more && old.from >= 0 && old.from <= last ? old.from : to;
    this.stepped = { id, from, to };
    const [a, b] = [words[Math.min(from, to)], words[Math.max(from, to)]];
    const before = letters(text.textContent.slice(0, a.index));
    const range = rangeOf(text, before, before + letters(text.textContent.slice(a.index, b.index + b.segment.length)));
    getSelection()?.setBaseAndExtent(range.startContainer, range.startOffset, range.endContainer, range.endOffset);
  }
}

/**
 * What of a section a range covers; nothing where that are blanks.
 *
 * @param {string} section
 * @param {HTMLElement} text
 * @param {Range} range
 * @returns {Passage[]}
 */
function passage(section, text, range) {
  const piece = document.createRange();
  piece.selectNodeContents(text);
  if (text.contains(range.startContainer)) piece.setStart(range.startContainer, range.startOffset);
  if (text.contains(range.endContainer)) piece.setEnd(range.endContainer, range.endOffset);
  const words = piece.toString();
  if (!words.trim()) return [];
  const before = document.createRange();
  before.setStart(text, 0);
  before.setEnd(piece.startContainer, piece.startOffset);
  const start = letters(before.toString());
  if (words.trim() === text.textContent.trim()) return [{ section, words: text.textContent }];
  return [{ section, start, end: start + letters(words), words }];
}

/**
 * The range of a text's characters.
 *
 * @param {HTMLElement} text
 * @param {number} start
 * @param {number} end
 */
function rangeOf(text, start, end) {
  const range = document.createRange();
  range.selectNodeContents(text);
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  let seen = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const content = [...(node.textContent ?? "")];
    const units = (/** @type {number} */ count) => content.slice(0, count).join("").length;
    if (start >= seen && start < seen + content.length) range.setStart(node, units(start - seen));
    if (end > seen && end <= seen + content.length) range.setEnd(node, units(end - seen));
    seen += content.length;
  }
  return range;
}
