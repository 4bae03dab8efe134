//! Signs deliveries of webhooks and sends them, to no address that is not public.
