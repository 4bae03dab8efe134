-- What wrk counted, as one line of JSON, with latencies in microseconds. No hook runs for a request.
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "micros": %d, "refused": %d, "failed": %d, "p50": %d, "p99": %d}',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
