// Relay: page through appeals, handle an error by its code, follow changes, read them back from the store.
// In a page, usePaginationFragment and useSubscription do what fetchQuery and requestSubscription do here.
import { createOperationDescriptor, fetchQuery, getRequest, graphql, requestSubscription } from "relay-runtime";

import { COUNT } from "../shared/arguments";
import { type Ended, follow } from "../shared/follow";
import type { mainAppealsQuery } from "./__generated__/mainAppealsQuery.graphql";
import type { mainChangesSubscription } from "./__generated__/mainChangesSubscription.graphql";
import { Refusal, environment, sockets } from "./environment";

const APPEALS = graphql`
  query mainAppealsQuery($first: Int!, $after: String) {
    lastChangeNumber
    appeals(first: $first, after: $after) @connection(key: "main_appeals") {
      edges {
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
`;

const CHANGES = graphql`
  subscription mainChangesSubscription($after: ChangeNumber!) {
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
`;

const fetched = (variables: mainAppealsQuery["variables"]) =>
  fetchQuery<mainAppealsQuery>(environment, APPEALS, variables).toPromise();

// A connection is one list, whatever page was asked for. Relay keeps what the store holds only while somebody reads it.
const list = createOperationDescriptor(getRequest(APPEALS), { first: 15 });
environment.retain(list);
const listed = () => (environment.lookup(list.fragment).data as mainAppealsQuery["response"]).appeals;

async function pages(): Promise<number> {
  let after: string | null | undefined;
  let since: number | undefined;
  let before = 0;
  for (let page = 1; ; page++) {
    const data = await fetched({ first: 15, after });
    since ??= data!.lastChangeNumber; // Of before the first page: what changes while we turn pages comes again, live.
    console.log(`page ${page}: ${data!.appeals.edges.length - before} appeals`);
    before = data!.appeals.edges.length;
    after = data!.appeals.pageInfo.endCursor;
    if (!data!.appeals.pageInfo.hasNextPage) break;
  }
  console.log(`${listed().edges.length} appeals in one list`);
  return since;
}

async function refused(): Promise<void> {
  try {
    await fetched({ first: 1, after: "of yesterday" });
  } catch (error) {
    if (!(error instanceof Refusal) || error.extensions.code !== "BAD_CURSOR") throw error;
    console.log("BAD_CURSOR: beginning again without it");
  }
}

type Change = mainChangesSubscription["response"]["appealChanged"];

function subscribe(after: number, next: (change: Change) => boolean): Promise<Ended> {
  return new Promise((resolve) => {
    const subscription = requestSubscription<mainChangesSubscription>(environment, {
      subscription: CHANGES,
      variables: { after },
      onNext: (data) => {
        if (data && !next(data.appealChanged)) {
          subscription.dispose();
          resolve({});
        }
      },
      onError: (error) => resolve(error instanceof Refusal ? error.extensions : {}),
      onCompleted: () => resolve({}),
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
const titles = listed().edges.map(({ node }) => node.title);
console.log(`in the list now: ${titles.find((title) => title.includes("改"))}`);
await sockets.dispose();
