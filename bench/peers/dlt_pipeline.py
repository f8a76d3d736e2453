"""dlt's rest_api source into JSONL files, the cheapest of its destinations, or into PostgreSQL where one is given.

Runs in dlt's own virtual environment.    python dlt_pipeline.py URL FOLDER [SERVER DATABASE]

SERVER is the folder of the server's socket. Nothing is typed, inserted or indexed in files.
"""

import os
import sys
from typing import Any

URL, FOLDER = sys.argv[1:3]
os.environ |= {
    "DLT_DATA_DIR": f"{FOLDER}/dlt",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",  # By default it compresses, which takes half as much time again.
}

import dlt  # noqa: E402  # it reads its environment when it is imported
from dlt.sources.rest_api import rest_api_source  # noqa: E402  # as above

SOURCE = {
    "client": {"base_url": URL.removesuffix("cursor")},
    "resources": [
        {
            "name": "tickets",
            "primary_key": "order_no",
            "write_disposition": "replace",
            "endpoint": {
                "path": "cursor",
                "params": {"limit": 500},
                "data_selector": "items",
                "paginator": {"type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor"},
            },
        }
    ],
}


def main() -> None:
    database = sys.argv[3:]
    pipeline = dlt.pipeline(
        "tickets",
        destination=_postgres(*database) if database else dlt.destinations.filesystem(f"file://{FOLDER}/tickets"),
        dataset_name="hub",
        pipelines_dir=f"{FOLDER}/pipelines",
    )
    pipeline.run(rest_api_source(SOURCE), loader_file_format=None if database else "jsonl")
    print(pipeline.last_trace.last_normalize_info.row_counts["tickets"])


def _postgres(server: str, database: str) -> Any:
    # It asks for a host and a password, and has use for neither.
    unused = {"host": "localhost", "password": "none"}
    return dlt.destinations.postgres(
        {**unused, "username": "postgres", "database": database, "query": {"host": server}}
    )


if __name__ == "__main__":
    main()
