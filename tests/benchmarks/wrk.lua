-- Posts the bodies of the file named by QUESTIONS (one a line) in turn, and ends with one line of JSON.
local bodies = {}
for line in io.lines(os.getenv("QUESTIONS")) do
  bodies[#bodies + 1] = line
end

local turn = 0
local headers = { ["content-type"] = "application/json" }

function request()
  turn = turn % #bodies + 1
  return wrk.format("POST", nil, headers, bodies[turn])
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"p50_ms": %.3f, "p99_ms": %.3f, "requests": %d, "seconds": %.6f, "refused": %d, "broken": %d}\n',
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.requests, summary.duration / 1e6,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
