// What the examples are called with: the endpoint, and how many changes to follow before they stop.
const [endpoint = "http://127.0.0.1:8000/graphql", count = "Infinity"] = process.argv.slice(2);

export const ENDPOINT = endpoint;
export const SOCKET = endpoint.replace(/^http/, "ws");
export const COUNT = Number(count);
