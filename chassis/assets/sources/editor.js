// `<textarea data-editor="sql|yaml">` becomes a CodeMirror editor; the text area stays the field that is sent.
//   data-diagnostics='[{"line", "column", "message", "severity"}]'   shown in the gutter (lines from 1, columns from 1)
//   data-schema       sql: {"table": ["column"]}; yaml: ["word"] or {"key": ["value"]}
//   data-check-url    the text is posted there 300 ms after the last key, the answer is a list of diagnostics
import { autocompletion, closeBrackets, closeBracketsKeymap, completeAnyWord, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { sql, StandardSQL } from "@codemirror/lang-sql";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const nonce = document.querySelector('meta[name="csp-nonce"]')?.content ?? "";
const WAIT = 300;
const views = new Map();

const theme = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--field)", fontSize: "var(--text-code)" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--font-code)", caretColor: "var(--accent)", paddingBlock: ".6rem", minHeight: "var(--editor-height, 9rem)" },
  ".cm-scroller": { fontFamily: "var(--font-code)", lineHeight: "1.6", maxHeight: "70vh" },
  ".cm-cursor": { borderLeftColor: "var(--accent)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--ink-faint)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--active-line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selection)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-diagnostic": { fontFamily: "var(--font)", padding: ".35rem .6rem" },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--code-keyword)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.comment], color: "var(--ink-faint)", fontStyle: "italic" },
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.typeName], color: "var(--code-name)" },
]);

const read = (text, otherwise) => {
  try {
    return text ? JSON.parse(text) : otherwise;
  } catch {
    return otherwise;
  }
};

const placed = (state, found) => found.map(({ line, column, message, severity }) => {
  const at = state.doc.line(Math.min(Math.max(line || 1, 1), state.doc.lines));
  const from = Math.min(at.from + Math.max((column || 1) - 1, 0), at.to);
  const word = state.wordAt(from);
  return { from, to: word ? word.to : at.to, message, severity: severity || "error" };
}).sort((a, b) => a.from - b.from);

const yamlWords = (schema) => {
  const keys = Array.isArray(schema) ? schema : Object.keys(schema);
  const values = Array.isArray(schema) ? {} : schema;
  return (context) => {
    const word = context.matchBefore(/[\w.:-]*/);
    if (!word || (word.from === word.to && !context.explicit)) return null;
    const before = context.state.doc.lineAt(context.pos).text.slice(0, word.from - context.state.doc.lineAt(context.pos).from);
    const key = /([\w.]+):\s*[[{]?[^:]*$/.exec(before)?.[1];
    const offered = key && values[key]?.length ? values[key] : keys;
    return { from: word.from, options: offered.map((label) => ({ label, type: "keyword" })) };
  };
};

const languageOf = (area) => {
  const schema = read(area.dataset.schema, {});
  if (area.dataset.editor === "sql") return [sql({ dialect: StandardSQL, schema, upperCaseKeywords: false }), autocompletion()];
  return [yaml(), indentUnit.of("  "), autocompletion({ override: [yamlWords(schema), completeAnyWord] })];
};

const checker = (area) => {
  const url = area.dataset.checkUrl;
  let timer;
  let latest;
  return EditorView.updateListener.of((update) => {
    if (!update.docChanged) return;
    area.value = update.state.doc.toString();
    if (!url) return;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      latest?.abort();
      latest = new AbortController();
      const body = new URLSearchParams({ [area.name || "text"]: area.value });
      const headers = { "X-CSRF-Token": document.body.dataset.csrf ?? "", Accept: "application/json" };
      try {
        const answer = await fetch(url, { method: "POST", body, headers, signal: latest.signal, credentials: "same-origin" });
        if (!answer.ok) return;
        const found = await answer.json();
        update.view.dispatch(setDiagnostics(update.view.state, placed(update.view.state, found.diagnostics ?? found)));
        area.dispatchEvent(new CustomEvent("checked", { bubbles: true, detail: found }));
      } catch {
        // superseded by the next key, or offline: the check at submission still decides
      }
    }, WAIT);
  });
};

const enhance = (area) => {
  if (area.dataset.enhanced) return;
  area.dataset.enhanced = "yes";
  const label = area.labels?.[0];
  if (label && !label.id) label.id = `${area.id || area.name}-label`;
  const send = () => {
    area.form?.requestSubmit();
    return true;
  };
  const view = new EditorView({
    state: EditorState.create({
      doc: area.value,
      extensions: [
        EditorView.cspNonce.of(nonce), lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(), history(), drawSelection(),
        indentOnInput(), bracketMatching(), closeBrackets(), lintGutter(), theme, syntaxHighlighting(colours), checker(area),
        keymap.of([{ key: "Mod-Enter", run: send, preventDefault: true }, ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
        ...languageOf(area),
        EditorState.readOnly.of(area.readOnly),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({
          ...(label ? { "aria-labelledby": label.id } : { "aria-label": area.getAttribute("aria-label") || area.name }),
          ...(area.getAttribute("aria-describedby") ? { "aria-describedby": area.getAttribute("aria-describedby") } : {}),
          tabindex: "0", // what scrolls must be reachable by keyboard, and is seen to be
          dir: "ltr", // code stays left-to-right on a right-to-left page
        }),
      ],
    }),
  });
  view.dispatch(setDiagnostics(view.state, placed(view.state, read(area.dataset.diagnostics, []))));
  view.dom.classList.add("editor");
  views.set(area.id, view);
  area.after(view.dom);
  area.hidden = true;
  label?.addEventListener("click", () => view.focus());
};

// `<a href="#area" data-line="12" data-column="5">` goes to that place; without JavaScript it goes to the text area.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-line]");
  const view = link && views.get(link.hash.slice(1));
  if (!view) return;
  event.preventDefault();
  const [{ from }] = placed(view.state, [{ line: Number(link.dataset.line), column: Number(link.dataset.column || 1) }]);
  view.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  view.focus();
});

const all = (root) => root.querySelectorAll("textarea[data-editor]").forEach(enhance);
all(document);
document.addEventListener("htmx:load", (event) => all(event.detail.elt));
