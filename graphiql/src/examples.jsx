// The panel of saved operations: a click opens one in a tab of its own.
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";

import { operations } from "./operations.js";

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M6 3.5h12v17l-6-4-6 4z" strokeLinejoin="round" />
    </svg>
  );
}

function Examples() {
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const { addTab, changeTab, setOperationFacts } = useGraphiQLActions();

  function open({ text, document }) {
    const opened = tabs.findIndex((tab) => tab.query?.trim() === text.trim());
    if (opened >= 0) {
      changeTab(opened);
      return;
    }
    addTab();
    queryEditor?.setValue(text);
    variableEditor?.setValue("");
    // The editor finds these itself, but only after a pause: too late for who runs the operation at once.
    const [operation] = document.definitions;
    setOperationFacts({ documentAST: document, operationName: operation.name.value, operations: [operation] });
  }

  return (
    <section aria-label="示例 Examples">
      <div className="hub-title">示例 · Examples</div>
      <ul className="hub-examples">
        {operations.map((operation) => (
          <li key={operation.title}>
            <button type="button" onClick={() => open(operation)}>
              {operation.title}
              <small>{operation.english}</small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export const examplesPlugin = { title: "示例 Examples", icon: Icon, content: Examples };
