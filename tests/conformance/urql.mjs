// urql: one query, one bad query, then changes by its own reading of streams.
import { Client, fetchExchange } from '@urql/core';
import { BAD, QUERY, SUBSCRIPTION, after, endpoint, write } from './asked.mjs';

const client = new Client({ url: endpoint, preferGetMethod: false, fetchSubscriptions: true, exchanges: [fetchExchange] });
const plain = ({ data, error }) => ({ data, errors: error?.graphQLErrors.map(({ message, extensions }) => ({ message, extensions })), network: error?.networkError?.message });
for (const query of [QUERY, BAD]) write(plain(await client.query(query, {}).toPromise()));
client.subscription(SUBSCRIPTION, { after }).subscribe((answer) => write(plain(answer)));
