// Apollo Client: one query by its hash, a bad one, then changes in parts.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { createHash } from 'node:crypto';
import { BAD, QUERY, SUBSCRIPTION, after, endpoint, write } from './asked.mjs';

const requests = [];
const http = new HttpLink({
  uri: endpoint,
  fetch: async (url, options) => {
    const answer = await fetch(url, options);
    requests.push([options.method, 'query' in JSON.parse(options.body ?? '{}'), answer.status]);
    return answer;
  },
});
const hashed = new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex') });
const client = new ApolloClient({ cache: new InMemoryCache(), link: ApolloLink.from([hashed, http]) });
const ask = (query) => client.query({ query: gql(query), fetchPolicy: 'network-only' });

for (let times = 0; times < 2; times++) write({ data: (await ask(QUERY)).data });
write({ requests });
await ask(BAD).catch((error) => write({ errors: CombinedGraphQLErrors.is(error) ? error.errors : [String(error)] }));
client.subscribe({ query: gql(SUBSCRIPTION), variables: { after } }).subscribe(({ data, error }) => write({ data, error }));
