//! Every command through the registry, as doors without HTTP routes run it (AUTHZ-06).

use super::{
    callers::{right, wrong},
    example::{Example, Things},
    gateway, name,
};
use dalston_auth::{Caller, RejectionReason, Requirement};
use dalston_gateway::routes;
use dalston_model::Clock;
use dalston_service::{IssuedSecret, ServiceError};
use kit::{
    app::App,
    log,
    schema::{assert_fits, closed},
};

/// The holder of a new key with these scopes, at a door without HTTP.
async fn caller(app: &App, scopes: &str) -> Caller {
    app.caller(&app.key(scopes).await).await
}

#[tokio::test]
async fn every_command_runs_for_who_has_its_scope_and_for_nobody_else() {
    let (app, store) = gateway().await;
    let runtime = &app.runtime;
    let mut seen = 0;
    for route in routes(&runtime.registry) {
        let Some(command) = route.command() else { continue };
        let row = runtime.registry.row(command).unwrap();
        assert_eq!(route.requirement, Some(row.requirement), "{}", name(&route));
        let things = Things::new(&app).await;
        let arguments = Example::of(&route).arguments(&things);
        if let Requirement::Scope(scope) = row.requirement {
            let caller = caller(&app, &wrong(scope)).await;
            let before = store.checkpoint().await.unwrap().seq;
            let refused = runtime.registry.invoke(&runtime.services, &caller, command, arguments.clone(), None).await;
            let reason = ServiceError::Refused(RejectionReason::InsufficientScope(scope));
            assert_eq!(refused.err(), Some(reason), "{command}");
            assert_eq!(store.checkpoint().await.unwrap().seq, before, "AUTHZ-03 {command}");
        }
        let caller = caller(&app, &right(row.requirement)).await;
        let answer = runtime.registry.invoke(&runtime.services, &caller, command, arguments, None).await.unwrap();
        if let Some(IssuedSecret { secret, .. }) = &answer.secret {
            log::guard(secret.expose());
            assert!(!answer.data.to_string().contains(secret.expose()), "KEY-03 {command}");
        }
        assert_fits(command, &closed(row.output.clone().into()), &answer.data);
        // Whoever reads it has the same answer.
        let (read, now) = (row.read(answer.data.clone()).unwrap(), app.clock.now());
        assert_eq!((&read.data, &read.id, &read.ids), (&answer.data, &answer.id, &answer.ids), "{command}");
        assert_eq!(read.render(now), answer.render(now), "{command}");
        seen += 1;
    }
    assert_eq!(seen, runtime.registry.rows().len());
}

#[tokio::test]
async fn a_command_that_is_none_is_not_found() {
    let (app, _) = gateway().await;
    let caller = caller(&app, "platform").await;
    for unknown in ["", "version", "keys", "keys.create ", "KEYS.CREATE"] {
        let answer = app.runtime.registry.invoke(&app.runtime.services, &caller, unknown, Default::default(), None);
        assert_eq!(answer.await.err(), Some(ServiceError::NotFound("Command")), "{unknown:?}");
    }
}
