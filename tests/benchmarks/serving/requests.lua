-- Sends whole requests from a file of frames in turn, and prints one line of JSON at the end.
local requests = {}
local at = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read(8)
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "failed": %d, "p50": %.9f, "p99": %.9f}\n',
    summary.requests, failed, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
