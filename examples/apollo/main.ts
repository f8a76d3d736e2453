// Apollo Client: page through appeals, handle an error by its code, follow changes, read them back from the cache.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
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

// `appeals` is one list, whatever page was asked for; another filter or order is another list.
const cache = new InMemoryCache({
  typePolicies: { Query: { fields: { appeals: relayStylePagination(["filter", "orderBy"]) } } },
});
const sockets = createClient({ url: SOCKET, webSocketImpl: WebSocket, ...ONCE });
const client = new ApolloClient({
  cache,
  link: ApolloLink.split(
    ({ operationType }) => operationType === "subscription",
    new GraphQLWsLink(sockets),
    new HttpLink({ uri: ENDPOINT }),
  ),
});

async function pages(): Promise<number> {
  const list = client.watchQuery({ query: APPEALS, variables: { first: 15 } });
  let { data } = await list.refetch();
  const since = data!.lastChangeNumber; // Of before the first page: what changes while we turn pages comes again, live.
  for (let page = 1; ; page++) {
    console.log(`page ${page}: ${data!.appeals.edges.length} appeals`);
    const { hasNextPage, endCursor } = data!.appeals.pageInfo;
    if (!hasNextPage) break;
    ({ data } = await list.fetchMore({ variables: { after: endCursor } }));
  }
  console.log(`${list.getCurrentResult().data!.appeals!.edges!.length} appeals in one list`);
  return since;
}

async function refused(): Promise<void> {
  try {
    await client.query({ query: APPEALS, variables: { first: 1, after: "of yesterday" }, fetchPolicy: "no-cache" });
  } catch (error) {
    if (!CombinedGraphQLErrors.is(error)) throw error; // No answer at all: the network, or a proxy.
    if (extensionsOf(error.errors).code !== "BAD_CURSOR") throw error;
    console.log("BAD_CURSOR: beginning again without it");
  }
}

type Change = AppealChangedSubscription["appealChanged"];

function subscribe(after: number, next: (change: Change) => boolean): Promise<Ended> {
  return new Promise((resolve) => {
    const subscription = client.subscribe({ query: CHANGES, variables: { after } }).subscribe({
      next({ data, error }) {
        if (error) resolve(CombinedGraphQLErrors.is(error) ? extensionsOf(error.errors) : {});
        else if (data && !next(data.appealChanged)) {
          subscription.unsubscribe();
          resolve({});
        }
      },
      complete: () => resolve({}),
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
const listed = client.readQuery({ query: APPEALS, variables: { first: 15 } });
console.log(`in the list now: ${listed!.appeals.edges.map(({ node }) => node.title).find((title) => title.includes("改"))}`);
await sockets.dispose();
