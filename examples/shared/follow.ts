// Follow changes and miss none over connections that break: the same for every client.

/** How one try of a subscription ended: by an error of the hub, with its code, or else by a broken connection. */
export interface Ended {
  code?: string;
  lastNumber?: number;
}

/** Subscribes once, after a number. `next` takes each change and says whether to go on; the promise, how it ended. */
export type Subscribe<Change> = (after: number, next: (change: Change) => boolean) => Promise<Ended>;

// After these the same question gets the same answer: the program is to be mended.
const FATAL = new Set(["BAD_INPUT", "BAD_CURSOR", "INVALID_QUERY", "SYNTAX_ERROR"]);
const PAUSE = 250; // milliseconds between two tries; with many clients, let it grow, and differ from one to the next

/** Every change after a number, in order, none missing and none twice, until `next` wants no more. */
export async function follow<Change extends { number: number }>(
  subscribe: Subscribe<Change>,
  after: number,
  next: (change: Change) => boolean,
): Promise<void> {
  let last = after;
  let more = true;
  while (more) {
    const ended = await subscribe(last, (change) => {
      last = change.number;
      more = next(change);
      return more;
    });
    if (!more) return;
    if (ended.code && FATAL.has(ended.code)) throw new Error(`cannot follow: ${ended.code}`);
    // SLOW_SUBSCRIBER says where to go on. Whatever else ended it, the last number is what we saw.
    last = ended.lastNumber ?? last;
    console.log(`interrupted, going on after ${last}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Options of a graphql-ws client that leaves trying again to `follow`: it knows after which number. */
export const ONCE = { lazy: true, retryAttempts: 0 };

/** What the first of some GraphQL errors says: its code, and whatever else stands beside it. */
export function extensionsOf(errors: readonly unknown[] | undefined): Ended {
  return (errors?.[0] as { extensions?: Ended } | undefined)?.extensions ?? {};
}
