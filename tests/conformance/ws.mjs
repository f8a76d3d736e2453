// graphql-ws: one query, one bad query, then changes, all on one socket.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { BAD, QUERY, SUBSCRIPTION, after, endpoint, write } from './asked.mjs';

const client = createClient({ url: endpoint.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0, lazy: false });
for (const query of [QUERY, BAD]) {
  await new Promise((done) => {
    client.subscribe({ query }, { next: write, error: (errors) => done(write({ errors })), complete: done });
  });
}
for await (const answer of client.iterate({ query: SUBSCRIPTION, variables: { after } })) write(answer);
