// The name in the corner, and the settings that every editor of the page needs for Chinese text.
import { useGraphiQL } from "@graphiql/react";
import { useEffect } from "react";

const CHINESE = {
  // Full-width punctuation is what Chinese is written with: nothing to warn of.
  unicodeHighlight: { ambiguousCharacters: false },
  wordWrap: "on",
};

export function Title() {
  const query = useGraphiQL((state) => state.queryEditor);
  const variables = useGraphiQL((state) => state.variableEditor);
  const response = useGraphiQL((state) => state.responseEditor);

  useEffect(() => {
    for (const editor of [query, variables, response]) editor?.updateOptions(CHINESE);
  }, [query, variables, response]);

  return (
    <a href="../schema.graphql" title="接口定义 · the schema as SDL">
      诉求汇聚中心
    </a>
  );
}
