// Types of the page's scripts. Interfaces are data that Python hands over: `studio/ui/page_data.py` has a TypedDict of the
// same name for each, and a test compares them. Types are the page's own.

/** `new` in the place of `old`, which stands from `start` to `end` of a section's Markdown. */
export interface WordChange {
  section: string;
  start: number;
  end: number;
  old: string;
  new: string;
}

/** A server function's answer in place of what was asked for: one sentence for the person. */
export interface Failure {
  error: string;
}

/** A card of an empty Write, Chat or Table; `pictures` are URLs. */
export interface Example {
  en: string;
  zh: string;
  pictures: string[];
}

/** `window.studio`: words in English and Chinese, icons as SVG, the bytes an upload may have, export formats. */
export interface PageFacts {
  words: Record<string, [string, string]>;
  icons: Record<string, string>;
  upload: number;
  formats: string[];
}

/** What people must know of the model: a word's key, and "wrong" where it is a warning. */
export interface Banner {
  banner: string;
  kind: string;
}

/** A number that may be set; `digits` after the point, 0 for whole ones. */
export interface NumberField {
  id: string;
  name: string;
  digits: number;
  low: number;
  high: number;
  initial: number | null;
}

/** A picture that the browser has uploaded for an article. */
export interface PictureFile {
  path: string;
  name: string;
}

/** A sent question that is to be edited; `asked` (seconds) makes the same one a new value. */
export interface QuestionEdit {
  turn: number;
  question: string;
  asked: number;
}

/** A form whose drafts are sent; `at` (seconds) makes the same one a new value. */
export interface SentForm {
  form: string;
  at: number;
}

/** The number of the conversation that is shown, 0 as long as it has none; `begun` (seconds) tells answers apart. */
export interface ChatLine {
  conversation: number;
  begun: number;
}

/** Tokens: of one picture, of the model's context. Empty as long as no model that sees is loaded. */
export interface Room {
  image?: number;
  context?: number;
}

/** A picture that could be shown at a section. */
export interface Candidate {
  key: string;
  url: string;
  title: string;
}

/** A paragraph or heading and its picture; `picture` is a URL, "" where there is none. */
export interface Section {
  id: string;
  html: string;
  markdown: string;
  note: string;
  picture: string;
  width: number;
  height: number;
  caption: string;
  credit: string;
  candidates: Candidate[];
}

/** A section that the page has already. */
export interface UnchangedSection {
  id: string;
}

/** A step of writing; `state` is "done", "current" or "waiting". */
export interface Step {
  state: string;
  name: string;
}

/** What a model suggests, as it grows: `text` beside a section, or `changes` from that section on. */
export interface Proposal {
  section: string;
  edit: string;
  text: string;
  changes: WordChange[];
  ended: boolean;
}

/** An article as the page shows it; id 0 is no article yet. */
export interface ArticleDocument {
  id: number;
  opening: string;
  title: string;
  titleHtml: string;
  sections: (Section | UnchangedSection)[];
  steps: Step[];
  said: string;
  warns: boolean;
  busy: boolean;
  more: boolean;
  empty: number;
  notes: string[];
  undo: boolean;
  redo: boolean;
  proposal: Proposal | null;
}

/** An edit's answer: the article afterwards. */
export interface Edited {
  doc: ArticleDocument;
}

/** Pictures for some words. */
export interface Found {
  found: Candidate[];
}

/** A file that can be fetched. */
export interface Exported {
  url: string;
  name: string;
}

/** An answer; `state` is how it ended, "open" or "current". */
export interface TableCell {
  text: string;
  remark: string;
  state: string;
}

/** A picture and its answers; `picture` and `small` are URLs. */
export interface TableRow {
  number: number;
  picture: string;
  small: string;
  name: string;
  cells: TableCell[];
}

/** A row that the page has already. */
export interface UnchangedRow {
  number: number;
}

/** A table as the page shows it: `number` of `of` answers are there; id 0 is no table yet. */
export interface TableView {
  id: number;
  running: boolean;
  number: number;
  of: number;
  said: string;
  wrong: boolean;
  questions: string[];
  rows: (TableRow | UnchangedRow)[];
  skipped: string[];
  notes: string[];
}

/** An article, with its status, or a conversation, with likes; `changed` is ISO 8601, `small` a URL. */
export interface HistoryCard {
  type: string;
  id: number;
  title: string;
  changed: string;
  small: string;
  deleted: boolean;
  status?: string;
  liked?: number;
}

/** A picture of the library; `own` where this person may change it. */
export interface LibraryCard {
  key: string;
  title: string;
  caption: string;
  picture: string;
  small: string;
  own: boolean;
}

/** A page of a shelf: HistoryCards or LibraryCards, and whether there are more. */
export interface Cards {
  items: HistoryCard[] | LibraryCard[];
  more: boolean;
}

/** A version of an article; `created` is ISO 8601. */
export interface Version {
  number: number;
  created: string;
  reason: string;
  current: boolean;
}

/** All versions, the newest first. */
export interface Versions {
  versions: Version[];
}

/** The Markdown of two versions. */
export interface Comparison {
  before: string;
  after: string;
}

/** A persona: the key that it is named by, URLs of its picture, its first line. `missing` is the command that gets its own
 * model, "" where that is here or it has none. */
export interface PersonaCard {
  key: string;
  name: string;
  picture: string;
  about: string;
  greeting: string;
  openers: string[];
  own: boolean;
  model: string;
  missing: string;
}

/** A persona as it is edited; an example a line, `examples` joined. */
export interface PersonaForm {
  key: string;
  name: string;
  system: string;
  greeting: string;
  examples: string;
  model: string;
  sampling: Record<string, number>;
  picture: string;
}

/** A tool that may be switched on; `why` says why it cannot be, "" where it can. `about` is what it does. */
export interface TalkTool {
  name: string;
  label: string;
  about: string;
  why: string;
}

/** A table that a tool made, as text. */
export interface TalkTable {
  columns: string[];
  rows: string[][];
  left: number;
}

/** A call of a tool: what was asked of it and what came of it; `pictures` are URLs, `files` names. */
export interface TalkStep {
  tool: string;
  thought: string;
  asked: string;
  status: string;
  result: string;
  pictures: string[];
  tables: TalkTable[];
  files: string[];
  seconds: number;
}

/** A question and its answer: `html` to be shown, `answer` to be copied, version `place` of `of`, `seen` the number of the
 * prompt that it was written from. */
export interface TalkTurn {
  number: number;
  question: string;
  pictures: string[];
  html: string;
  answer: string;
  finish: string;
  place: number;
  of: number;
  liked: boolean | null;
  model: string;
  seen: number;
  unread: number;
  files: string[];
  steps: TalkStep[];
}

/** A turn that the page has already. */
export interface UnchangedTurn {
  number: number;
}

/** A conversation as it stands; `said` is how it goes on, `more`: the last answer can be continued. */
export interface TalkView {
  id: number;
  title: string;
  persona: PersonaCard | null;
  turns: (TalkTurn | UnchangedTurn)[];
  running: boolean;
  said: string;
  more: boolean;
  sees: boolean;
  tools: string[];
  confirm: string[];
  asked: number;
}

/** A conversation in the list. */
export interface TalkRow {
  id: number;
  title: string;
  changed: string;
}

/** What stands beside a conversation. */
export interface TalkLists {
  rows: TalkRow[];
  personas: PersonaCard[];
  tools: TalkTool[];
}

/** One prompt of an article: its number, and what it was for. */
export interface PromptStep {
  number: number;
  name: string;
}

/** The prompts of an article, in the order in which they were sent. */
export interface ArticlePrompts {
  steps: PromptStep[];
}

/** What a model saw: the whole text, and its token ids, null for each picture; null where no model is loaded. */
export interface SeenPrompt {
  model: string;
  text: string;
  ids: (number | null)[] | null;
}

/**
 * A web page as it stands. The source is what the page has already up to `at`, then `source`; `frame` is the URL that
 * shows it, "" as long as there is nothing; `said` is how it goes on or ended.
 */
export interface WebPageView {
  id: number;
  version: number;
  title: string;
  kind: string;
  text: string;
  wish: string;
  at: number;
  source: string;
  running: boolean;
  said: string;
  wrong: boolean;
  undo: boolean;
  redo: boolean;
  frame: string;
  shown: number;
}

/** A web page in the list. */
export interface WebPageRow {
  id: number;
  title: string;
  changed: string;
}

/** A person's pages, and the name of the model where it cannot make any, else "". */
export interface WebPageList {
  rows: WebPageRow[];
  cannot: string;
}

/** The text of a file. */
export interface ReadText {
  text: string;
}

/** A model that is loaded; `context` in tokens. */
export interface ModelFacts {
  role: string;
  name: string;
  context: number;
  languages: string[];
}

/** Memory of something, ready to be read. */
export interface Amount {
  name: string;
  size: string;
}

/** A published model, and its folder on this machine, "" where it is not. */
export interface PublishedModel {
  name: string;
  folder: string;
  present: number;
  wanted: number;
}

/** A download: bytes, bytes a second, seconds left. */
export interface DownloadData {
  state: string;
  done: number;
  total: number;
  speed: number;
  left: number | null;
  error: string;
}

/** A model of the catalogue. */
export interface ManagedModelData {
  name: string;
  roles: string[];
  size: number;
  memory: number;
  licence: string;
  presence: string;
  removable: boolean;
  running: boolean;
  suggested: boolean;
  sources: string[];
  download: DownloadData | null;
}

/** The models, whether the reader may change anything, how the worker stands, and the line at the top. */
export interface ModelList {
  models: ManagedModelData[];
  manages: boolean;
  state: string;
  error: string;
  banner: Banner;
}

/** What About shows. */
export interface Report {
  models: ModelFacts[];
  state: string;
  waiting: number;
  restarts: number;
  memory: Amount[];
  gpus: Amount[];
  found: PublishedModel[];
  pictures: number;
  data: string;
  port: number;
  version: string;
}

// The page's own

/** What a server function answers. */
export type Answer<T> = (T & { error?: undefined }) | Failure;

/** What is asked of a server function; Python checks it. */
export type EventData = Record<string, unknown>;

/** What Gradio gives to the script of a component. Setting `props.value` sends the value. */
export type Given<Props = Record<string, never>, Server = Record<string, never>> = {
  element: HTMLElement;
  props: Props;
  server: Server;
  trigger: (event: string, data?: unknown) => void;
  watch: (prop: string, changed: () => void) => void;
  upload: Upload;
};

export type Upload = (file: File) => Promise<{ path?: string }>;

/** Where a picture was put by an upload, or a sentence why it was not. */
export type Sent = { path: string; problem?: undefined } | { path?: undefined; problem: string };

export type PaperServer = {
  act: (asked: EventData) => Promise<Answer<Edited>>;
  stop: (asked: EventData) => Promise<void>;
  find: (asked: EventData) => Promise<Answer<Found>>;
  export: (asked: EventData) => Promise<Answer<Exported>>;
  saw: {
    (asked: { id: number }): Promise<Answer<ArticlePrompts>>;
    (asked: { id: number; number: number }): Promise<Answer<SeenPrompt>>;
  };
};

export type TalkServer = {
  list: (asked: { search: string }) => Promise<Answer<TalkLists>>;
  act: {
    (asked: { kind: "open" | "rename" | "show_version" | "branch" | "like"; id: number } & EventData): Promise<Answer<TalkView>>;
    (asked: { kind: "edit_persona"; key: string }): Promise<Answer<PersonaForm>>;
    (asked: { kind: "save_persona" } & EventData): Promise<Answer<PersonaCard>>;
    (asked: { kind: "import_persona"; path: string }): Promise<Answer<PersonaCard>>;
    (asked: { kind: "export_persona" | "save" | "fetch_file" } & EventData): Promise<Answer<Exported>>;
    (asked: { kind: "saw"; seen: number }): Promise<Answer<SeenPrompt>>;
    (asked: { kind: "delete" | "undelete" | "delete_persona" | "undelete_persona" | "allow" } & EventData): Promise<Answer<object>>;
  };
};

export type WebPageServer = {
  list: (asked: null) => Promise<Answer<WebPageList>>;
  act: {
    (asked: { kind: "open" | "undo" | "redo"; id: number }): Promise<Answer<WebPageView>>;
    (asked: { kind: "stop" | "delete" | "undelete"; id: number }): Promise<Answer<object>>;
    (asked: { kind: "read"; path: string; name: string }): Promise<Answer<ReadText>>;
    (asked: { kind: "download"; id: number; scripts: boolean }): Promise<Answer<Exported>>;
  };
};

export type ShelfServer<Card> = {
  list: (asked: EventData) => Promise<Answer<Omit<Cards, "items"> & { items: Card[] }>>;
  act: {
    (asked: { kind: "versions"; id: number }): Promise<Answer<Versions>>;
    (asked: { kind: "compare"; id: number; versions: number[] }): Promise<Answer<Comparison>>;
    (asked: EventData): Promise<Answer<object>>;
  };
};

/** A tab and the number of what is open in it, 0 for nothing. */
export type Place = { tab: string; id: number };

/** A tab in which something can be open: its number, how it is closed, and where it does so itself, how it is opened. */
export type View = { id: () => number; close: () => void; open?: (id: number) => void };

/** Words of a section: from character `start` to `end` of the text that it shows, or all of them. */
export type Passage = { section: string; start?: number; end?: number; words: string };

/** What is selected in an article; with part "words" the passages, the first of which is in `section`. */
export type Selection = { section: string; part: "text" | "picture" | "title" | "words"; passages?: Passage[] };

/** An article whose unchanged sections were filled in again. */
export type WholeDocument = Omit<ArticleDocument, "sections"> & { sections: Section[] };

/** The elements of a section, and what they show. */
export type SectionParts = {
  node: HTMLElement;
  text: HTMLElement;
  html: string | null;
  figure: HTMLElement | null;
  note: HTMLElement | null;
  said?: string;
  draft?: { area: HTMLTextAreaElement; key: string };
};

/** A run of words that two texts share, or that only one of them has. */
export type Change = ["same" | "old" | "new", string];

export type Child = Node | string | null | undefined | false;

/** An event as handlers meet it: at an element, and with the data that only synthetic ones lack. */
type Met<E> = E &
  (E extends DragEvent ? { dataTransfer: DataTransfer } : E extends ClipboardEvent ? { clipboardData: DataTransfer } : unknown) & {
    target: HTMLElement;
  };
type Handlers = { [K in keyof HTMLElementEventMap as `on${K}`]?: ((event: Met<HTMLElementEventMap[K]>) => unknown) | null };
type Attribute = string | number | boolean | null | undefined;

/** Attributes and properties that views give to elements, and their event handlers. */
export type Attributes = Handlers & {
  [name: `aria-${string}` | `data-${string}`]: Attribute;
} & {
  [name in
    | "accept"
    | "alt"
    | "checked"
    | "className"
    | "disabled"
    | "download"
    | "draggable"
    | "height"
    | "hidden"
    | "href"
    | "id"
    | "inputMode"
    | "loading"
    | "max"
    | "min"
    | "multiple"
    | "open"
    | "placeholder"
    | "role"
    | "rows"
    | "scope"
    | "src"
    | "step"
    | "tabIndex"
    | "tabindex"
    | "title"
    | "type"
    | "value"
    | "width"]?: Attribute;
};

declare global {
  interface Window {
    studio: PageFacts & { person: string }; // who asks, for what the browser keeps
    studioDrafts: { keep: (field: string, value: unknown) => void; restore: () => unknown[] };
    studioTabs: { wanted: () => string; missing: () => void };
    studioLanguage: () => void;
    studioTheme: () => void;
  }
}
