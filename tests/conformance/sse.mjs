// graphql-sse, distinct connections: one query, one bad query, then changes.
import { createClient } from 'graphql-sse';
import { BAD, QUERY, SUBSCRIPTION, after, endpoint, write } from './asked.mjs';

const client = createClient({ url: endpoint, retryAttempts: 0 });
for (const query of [QUERY, BAD]) {
  for await (const answer of client.iterate({ query })) write(answer);
}
for await (const answer of client.iterate({ query: SUBSCRIPTION, variables: { after } })) write(answer);
