-- Returns a job. ARGV: its id.
return job_row(ARGV[1])
