// Hold a server against the audits of GraphQL over HTTP: `node audit.mjs URL` writes one JSON object a rule.
import { auditServer } from 'graphql-http';

for (const { id, name, status, reason } of await auditServer({ url: process.argv[2] })) {
  console.log(JSON.stringify({ id, name, status, reason }));
}
