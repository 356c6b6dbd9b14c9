"""From scene records of the Alaska Satellite Facility to a job file for HyP3.

Searching and ordering stay with ASF's own tools (Vertex, asf_search, the HyP3 API): they need an
account. In between, without any network, lies what matters to coherence: which acquisitions are
compared with which, how far apart the orbits were, and what it costs.::

    scenes = mw.sources.asf.read_scenes("search.geojson")
    pairs = mw.sources.asf.pair_list(scenes, max_temporal_baseline=12)
    jobs = mw.sources.asf.hyp3_jobs(pairs, looks="5x1")
    mw.sources.asf.write_hyp3_jobs(jobs, "jobs.json")
"""

from __future__ import annotations

from minewatch.sources.asf.networks import pair_list
from minewatch.sources.asf.orders import credits, hyp3_jobs, write_hyp3_jobs
from minewatch.sources.asf.scenes import read_scenes

__all__ = ["credits", "hyp3_jobs", "pair_list", "read_scenes", "write_hyp3_jobs"]
