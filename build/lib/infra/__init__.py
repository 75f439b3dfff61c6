"""Where the work runs: settings, servers, engines, tracking, monitoring."""
