// The network and the store of Relay. An answer with errors becomes a Refusal, which has the hub's code.
import { createClient } from "graphql-ws";
import { Environment, type GraphQLResponse, Network, Observable, RecordSource, Store } from "relay-runtime";
import WebSocket from "ws";

import { ENDPOINT, SOCKET } from "../shared/arguments";
import { type Ended, ONCE, extensionsOf } from "../shared/follow";

/** An error of the hub. */
export class Refusal extends Error {
  constructor(readonly extensions: Ended) {
    super(extensions.code);
  }
}

export const sockets = createClient({ url: SOCKET, webSocketImpl: WebSocket, ...ONCE });

const network = Network.create(
  async ({ text }, variables) => {
    const response = await fetch(ENDPOINT, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/graphql-response+json, application/json" },
      body: JSON.stringify({ query: text, variables }),
    });
    const answer = (await response.json()) as { errors?: unknown[] };
    if (answer.errors) throw new Refusal(extensionsOf(answer.errors));
    return answer as GraphQLResponse;
  },
  ({ text }, variables) =>
    Observable.create((sink) =>
      sockets.subscribe(
        { query: text!, variables },
        {
          next: (answer) => sink.next(answer as GraphQLResponse),
          error: (error) => sink.error(Array.isArray(error) ? new Refusal(extensionsOf(error)) : (error as Error)),
          complete: () => sink.complete(),
        },
      ),
    ),
);

export const environment = new Environment({ network, store: new Store(new RecordSource()) });
