// urql: page through appeals, handle an error by its code, follow changes, read them back from the cache.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { type SubscribePayload, createClient } from "graphql-ws";
import WebSocket from "ws";

import { COUNT, ENDPOINT, SOCKET } from "../shared/arguments";
import { type Ended, ONCE, extensionsOf, follow } from "../shared/follow";
import { graphql } from "./generated";
import type { AppealChangedSubscription } from "./generated/graphql";

const APPEALS = graphql(`
  query Appeals($first: Int!, $after: String) {
    lastChangeNumber
    appeals(first: $first, after: $after) {
      edges {
        cursor
        node {
          id
          title
          status
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
`);

const CHANGES = graphql(`
  subscription AppealChanged($after: ChangeNumber!) {
    appealChanged(after: $after) {
      id
      number
      type
      appeal {
        id
        title
        status
      }
    }
  }
`);

const sockets = createClient({ url: SOCKET, webSocketImpl: WebSocket, ...ONCE });
const client = new Client({
  url: ENDPOINT,
  preferGetMethod: false,
  exchanges: [
    // Pages of one list are joined; a thing without an id is part of what holds it.
    cacheExchange({
      resolvers: { Query: { appeals: relayPagination() } },
      keys: { FieldChange: () => null, PageInfo: () => null },
    }),
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (operation) => ({
        subscribe: (sink) => ({ unsubscribe: sockets.subscribe(operation as SubscribePayload, sink) }),
      }),
    }),
  ],
});

async function pages(): Promise<number> {
  let after: string | null | undefined;
  let since: number | undefined;
  let before = 0;
  for (let page = 1; ; page++) {
    const { data, error } = await client.query(APPEALS, { first: 15, after });
    if (error || !data) throw error ?? new Error("no answer");
    since ??= data.lastChangeNumber; // Of before the first page: what changes while we turn pages comes again, live.
    console.log(`page ${page}: ${data.appeals.edges.length - before} appeals`);
    before = data.appeals.edges.length;
    after = data.appeals.pageInfo.endCursor;
    if (!data.appeals.pageInfo.hasNextPage) break;
  }
  console.log(`${before} appeals in one list`);
  return since;
}

async function refused(): Promise<void> {
  const { error } = await client.query(APPEALS, { first: 1, after: "of yesterday" }, { requestPolicy: "network-only" });
  if (!error) return;
  if (extensionsOf(error.graphQLErrors).code !== "BAD_CURSOR") throw error;
  console.log("BAD_CURSOR: beginning again without it");
}

type Change = AppealChangedSubscription["appealChanged"];

function subscribe(after: number, next: (change: Change) => boolean): Promise<Ended> {
  return new Promise((resolve) => {
    const subscription = client.subscription(CHANGES, { after }).subscribe(({ data, error, hasNext }) => {
      if (error) resolve(extensionsOf(error.graphQLErrors));
      else if (data && !next(data.appealChanged)) {
        subscription.unsubscribe();
        resolve({});
      } else if (!hasNext) resolve({});
    });
  });
}

const since = await pages();
await refused();
let seen = 0;
await follow<Change>(subscribe, since, ({ number, type, appeal }) => {
  console.log(`${number} ${type} ${appeal?.title}`);
  return ++seen < COUNT;
});
// The change brought the appeal as it is now, and its id: the list has it too, and nothing was asked again.
const listed = client.readQuery(APPEALS, { first: 15 });
const titles = listed?.data?.appeals.edges.map(({ node }) => node.title) ?? [];
console.log(`in the list now: ${titles.find((title) => title.includes("改"))}`);
await sockets.dispose();
