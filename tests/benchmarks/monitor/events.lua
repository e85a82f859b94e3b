-- Events of 1 kB, each with an id of its own, `EVENTS` in a request; says what was answered.
local batch = tonumber(os.getenv("EVENTS"))
local run = os.getenv("RUN")
local number = 0
local kept = 'application/cloudevents-batch+json'
local features = {}
for at = 0, 29 do features[at + 1] = string.format('"x%d":[%.6f]', at, math.sin(at + 1)) end
local data = '{"model":"churn","version":3,"duration_seconds":0.001,"features":{'
  .. table.concat(features, ",") .. '},"labels":["Yes"],"probabilities":[[0.123456,0.876544]]}'

function request()
  local events = {}
  for at = 1, batch do
    number = number + 1
    events[at] = '{"specversion":"1.0","id":"' .. run .. "-" .. number
      .. '","type":"io.kubeloop.prediction","source":"/kubeloop/serve",'
      .. '"time":"2026-11-20T12:00:00.000000Z","datacontenttype":"application/json","data":'
      .. data .. "}"
  end
  return wrk.format("POST", "/events", {["Content-Type"] = kept}, "[" .. table.concat(events, ",") .. "]")
end

function done(summary, latency)
  io.write(string.format('\nRESULT {"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, '
    .. '"refused": %d, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6,
    latency:percentile(99) / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
