"""Where tests run the bridge, from the smallest to the largest: `desk` (no worker, events settle by hand),
`in_process` (web, worker and sandbox in this process), `console` (that, with its pages on a port), `commands`
(`bridge …` as processes), `site` (an installation of processes that may be killed)."""
