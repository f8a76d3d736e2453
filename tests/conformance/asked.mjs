// What all clients ask here.
export const [endpoint, after, count] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
export const SUBSCRIPTION = `subscription Follow($after: ChangeNumber) {
  appealChanged(after: $after) { number appeal { externalId } }
}`;
export const QUERY = '{ node(id: "Source:lift") { id } }';
export const BAD = '{ nothing }';

let seen = 0;

// Write one answer; end once `count` were written.
export function write(answer) {
  console.log(JSON.stringify(answer));
  if (++seen === count) process.exit(0);
}
