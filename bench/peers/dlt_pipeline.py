"""dlt's rest_api source into JSONL files, the cheapest of its destinations: nothing is typed, inserted or indexed.

Runs in dlt's own virtual environment.    python dlt_pipeline.py URL FOLDER
"""

import os
import sys

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
    pipeline = dlt.pipeline(
        "tickets",
        destination=dlt.destinations.filesystem(f"file://{FOLDER}/tickets"),
        dataset_name="hub",
        pipelines_dir=f"{FOLDER}/pipelines",
    )
    pipeline.run(rest_api_source(SOURCE), loader_file_format="jsonl")
    print(pipeline.last_trace.last_normalize_info.row_counts["tickets"])


if __name__ == "__main__":
    main()
