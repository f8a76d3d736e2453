// Read a trace as Apollo does: `node trace.mjs BASE64` writes it as JSON.
import { Trace } from "@apollo/usage-reporting-protobuf";

const trace = Trace.decode(Buffer.from(process.argv[2], "base64"));
console.log(JSON.stringify(Trace.toObject(trace, { longs: String })));
