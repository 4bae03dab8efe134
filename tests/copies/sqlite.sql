BEGIN TRANSACTION;
CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    time        INTEGER NOT NULL,
    tenant_id   TEXT NOT NULL,
    actor_kind  TEXT NOT NULL,
    actor_id    TEXT,
    door        TEXT NOT NULL,
    action      TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id   TEXT NOT NULL,
    address     TEXT,
    request_id  TEXT,
    detail      TEXT NOT NULL
, hash BLOB) STRICT;
INSERT INTO "audit" VALUES(1,1796064566130231,'default','gateway',NULL,'gateway','key.created','key','01a22dca-5b72-7b82-bf48-d726ffd14a33',NULL,NULL,'{"name":"Admin","scopes":["admin"],"first":true}',X'520E3DD04EE3C6115695A5CD18A2F0B1637E4543C45A317E3A4A343062F04072');
INSERT INTO "audit" VALUES(2,1796064566415124,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5c8e7781aaa0663b35badc5f','{"method":"POST","route":"/auth/keys"}',X'03B5DC9A3894F90647A465B9F75ED0A737AE2093893DFD5EDC28A1EF4D693762');
INSERT INTO "audit" VALUES(3,1796064566417460,'default','master',NULL,'http','key.created','key','01a22dca-5c91-729c-9ac2-294539dcb553','127.0.0.1','01a22dca5c8e7781aaa0663b35badc5f','{"name":"full","scopes":["jobs:read","jobs:write","realtime","webhooks","nudge"],"rate_limit":600}',X'71CB82ABBDB15BAB3267F7543B5FB0D0407AD34FBB4720754B5E5560B0B188CE');
INSERT INTO "audit" VALUES(4,1796064566421648,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5c95760ba642537f2ac5fa21','{"method":"POST","route":"/auth/keys"}',X'FF6AC28A8483E6C3E4A22D38FC68C5ADE7B425F295B519FABCDBA62C0B2FD1EC');
INSERT INTO "audit" VALUES(5,1796064566423169,'default','master',NULL,'http','key.created','key','01a22dca-5c97-7c4d-8c5d-1e5e2c8a492e','127.0.0.1','01a22dca5c95760ba642537f2ac5fa21','{"name":"admin","scopes":["admin"],"rate_limit":null}',X'A1A6F574ED9C4B5704F8810B7D4F2CE4B24842600A10FC4625803B88B98BDE6F');
INSERT INTO "audit" VALUES(6,1796064566426417,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5c9a79d087580c5d4f5cad60','{"method":"POST","route":"/auth/keys"}',X'F60D8210120CD96F198AD25605E4CB5E6C4E9EEA2D52AA650794E6F18207F329');
INSERT INTO "audit" VALUES(7,1796064566427716,'default','master',NULL,'http','key.created','key','01a22dca-5c9b-7027-9189-310634a7a962','127.0.0.1','01a22dca5c9a79d087580c5d4f5cad60','{"name":"revoked","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}',X'9EA970C16E3C5871AA9A3B1A1ADF986D94D3A63DA916E9D0E187FBE9F1CA1DC7');
INSERT INTO "audit" VALUES(8,1796064566432535,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5ca07ec9b5de2333405ef325','{"method":"DELETE","route":"/auth/keys/{key_id}"}',X'F42BB744071204A4DD3735236B7241DD3F3C70DA9DF0B56CCFC2EFB21BFA53E9');
INSERT INTO "audit" VALUES(9,1796064566433599,'default','master',NULL,'http','key.revoked','key','01a22dca-5c9b-7027-9189-310634a7a962','127.0.0.1','01a22dca5ca07ec9b5de2333405ef325','{}',X'47879ACA45D91A7A27878D34DE302FBC0A69CF5F46FFB6EF9C0606061287E920');
INSERT INTO "audit" VALUES(10,1796064566437902,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5ca577aaa4fbda5277998006','{"method":"POST","route":"/auth/keys"}',X'598DA34C31F400251908D4679A1DAC20B03E372B3B241B0FCEE0EC5390240FA2');
INSERT INTO "audit" VALUES(11,1796064566439351,'default','master',NULL,'http','key.created','key','01a22dca-5ca7-76d6-a41a-0eb29d64483e','127.0.0.1','01a22dca5ca577aaa4fbda5277998006','{"name":"disabled","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}',X'7D0B8A0FEA1930254A842A30789CA01F852B943E631A6BC2512202900B2A9862');
INSERT INTO "audit" VALUES(12,1796064566442665,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5caa70fc8053a59c243c2aa0','{"method":"PATCH","route":"/auth/keys/{key_id}"}',X'4331D4E7AE3D08A06F6816651AC2BC68555E27D493D186C4AC50660660A3E567');
INSERT INTO "audit" VALUES(13,1796064566443971,'default','master',NULL,'http','key.updated','key','01a22dca-5ca7-76d6-a41a-0eb29d64483e','127.0.0.1','01a22dca5caa70fc8053a59c243c2aa0','{"fields":["enabled"],"enabled":false}',X'2123EC8DA8B9BE27B27542F1D197D341C0C4FB692030ACFDCF2D925339745BF1');
INSERT INTO "audit" VALUES(14,1796064566447902,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5caf73e28ad6e228e679e25a','{"method":"POST","route":"/auth/keys"}',X'A539654F5B95D0B272FFD895B90CAD09071F013A1C13A8D90FC7277F303D7F00');
INSERT INTO "audit" VALUES(15,1796064566449152,'default','master',NULL,'http','key.created','key','01a22dca-5cb1-785d-8fbe-3fff7ff65a73','127.0.0.1','01a22dca5caf73e28ad6e228e679e25a','{"name":"rotated","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}',X'303F32C5FFF91A092397D135BC7096636ACFB3AE4096693159C9D537885BD337');
INSERT INTO "audit" VALUES(16,1796064566452830,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5cb475c3b86dbde35ee9e8e7','{"method":"POST","route":"/auth/keys/{key_id}/rotate"}',X'C328FD746BCA7DA758E574488D1FC0970B91028171701927504C01D1FFC50D8D');
INSERT INTO "audit" VALUES(17,1796064566454251,'default','master',NULL,'http','key.rotated','key','01a22dca-5cb1-785d-8fbe-3fff7ff65a73','127.0.0.1','01a22dca5cb475c3b86dbde35ee9e8e7','{"overlap_seconds":604800,"end_overlap":false}',X'F835312751EDEA719AAED9A17F0F459ABA59CAFECDCFC08ADA62ED93372A8051');
INSERT INTO "audit" VALUES(18,1796064566458212,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5cba738a8b6ea09a1cf4277e','{"method":"POST","route":"/v1/tenants"}',X'30EC34DF5668A8D83D397E4366F11B5CEDEDCF9A587AA49B435ECB80E79F6091');
INSERT INTO "audit" VALUES(19,1796064566459996,'acme','master',NULL,'http','tenant.created','tenant','acme','127.0.0.1','01a22dca5cba738a8b6ea09a1cf4277e','{"name":"Acme"}',X'C97D15872733F8CA46CC530BF491E66E4110245F7D9724F50F79B3A2B379740F');
INSERT INTO "audit" VALUES(20,1796064566462773,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5cbe70c3bbee426f300ef435','{"method":"POST","route":"/auth/keys"}',X'C83E09E539289AACF3CA9881FF5D44BD1CA6B51E32B3222140C7FFC5828B43F5');
INSERT INTO "audit" VALUES(21,1796064566464013,'acme','master',NULL,'http','key.created','key','01a22dca-5cc0-7b5b-87ef-a3f27076c84d','127.0.0.1','01a22dca5cbe70c3bbee426f300ef435','{"name":"of acme","scopes":["jobs:read","jobs:write","worker"],"rate_limit":null}',X'745649CCAC0EAFDE176834B2347D4CA6D52F6474392960FB77A92F4642861A97');
INSERT INTO "audit" VALUES(22,1796064566468079,'default','key','01a22dca-5c97-7c4d-8c5d-1e5e2c8a492e','http','key.created','key','01a22dca-5cc4-7d30-bcb7-f967ee52475f','127.0.0.1','01a22dca5cc3783e9d7302661c8d0101','{"name":"by admin","scopes":["jobs:read","jobs:write","realtime"],"rate_limit":null}',X'649A39EA58B456335CA78F43EDC119B50340B4647473C85BE4553572E6348D43');
INSERT INTO "audit" VALUES(23,1796064566478382,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5cce7821a9c42956d38ef4e6','{"method":"POST","route":"/v1/webhooks"}',X'EF98A095AB1EB9E3750D3FEC7C1DA2100F6F1F0276ECF602FFE041C73C2E6727');
INSERT INTO "audit" VALUES(24,1796064566479479,'default','master',NULL,'http','webhook.created','webhook','wh_01a22dca5ccf712dac6eb23478344f79','127.0.0.1','01a22dca5cce7821a9c42956d38ef4e6','{"host":"example.com","events":[]}',X'A1F1F368FDE21C6C4E0FA7C60D4AC1E1306587D932A3DDB116030B9C9709C688');
INSERT INTO "audit" VALUES(25,1796064566484014,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5cd37c41bbfe194cc902031b','{"method":"POST","route":"/v1/webhooks"}',X'F6FB80646EFE90BBCDD66C8A161CDD851D56ECF2187F66EE088BCE487073B643');
INSERT INTO "audit" VALUES(26,1796064566487097,'default','master',NULL,'http','webhook.created','webhook','wh_01a22dca5cd771e8a174a2fe0b7125f1','127.0.0.1','01a22dca5cd37c41bbfe194cc902031b','{"host":"example.com","events":["transcription.failed"]}',X'305E1D9090CFA2E36B4CA48C096ADB693D835B6868D618EB644133C922F1FF5F');
INSERT INTO "audit" VALUES(27,1796064566497311,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5ce17cc9815229ed9299c085','{"method":"PATCH","route":"/v1/webhooks/{webhook_id}"}',X'52F5267511B35AD1388D31F3F50D62204D7669DE7ADA257277A89FF78F4E92A3');
INSERT INTO "audit" VALUES(28,1796064566498366,'default','master',NULL,'http','webhook.updated','webhook','wh_01a22dca5cd771e8a174a2fe0b7125f1','127.0.0.1','01a22dca5ce17cc9815229ed9299c085','{"enabled":false}',X'E0A9C227FE4141F00DE748DF980E0F1392366B283BD1B58C681E02620B7143B4');
INSERT INTO "audit" VALUES(29,1796064566500893,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5ce479109b6aebb4eebf5893','{"method":"PUT","route":"/auth/keys/{key_id}/quota"}',X'E6A3B97F3376B71D480A574483CFFEB8A4867400B0689A4CF027AF2A6C07CA11');
INSERT INTO "audit" VALUES(30,1796064566502653,'default','master',NULL,'http','quota.changed','key','01a22dca-5c91-729c-9ac2-294539dcb553','127.0.0.1','01a22dca5ce479109b6aebb4eebf5893','{"seconds_per_day":3600,"concurrent_jobs":5,"concurrent_streams":null}',X'85F995B004C5560EA5F24FC92599345E3E935DF72B42B7F99E9FFC9307B57180');
INSERT INTO "audit" VALUES(31,1796064566507810,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5ceb72c8a03530dd8493248d','{"method":"PUT","route":"/v1/tenants/{tenant_id}/quota"}',X'8830A7BDB248DE212EE8F8A719F1ACDB334106644AE772B0D6561376FABCBE5B');
INSERT INTO "audit" VALUES(32,1796064566514566,'acme','master',NULL,'http','quota.changed','tenant','acme','127.0.0.1','01a22dca5ceb72c8a03530dd8493248d','{"seconds_per_day":7200,"concurrent_jobs":null,"concurrent_streams":9}',X'B367FC0DEF13E4EB4B68F9563D61F140012A013D10E5D905A4B41BE8CCABCA3C');
INSERT INTO "audit" VALUES(33,1796064566524302,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5cfb70b69d8f287e7233bf2b','{"method":"PATCH","route":"/v1/tenants/{tenant_id}"}',X'E09E84B2C4089011E38E1D9473DE1C0B585B59A44DDCE1AC9E5F69E147AC370F');
INSERT INTO "audit" VALUES(34,1796064566527198,'acme','master',NULL,'http','retention.changed','tenant','acme','127.0.0.1','01a22dca5cfb70b69d8f287e7233bf2b','{"retention_days":7}',X'6956709986EBA05F427AB050D13D7638BF32AD980E75868B233AF482E8FFD779');
INSERT INTO "audit" VALUES(35,1796064566562109,'default','key','01a22dca-5c91-729c-9ac2-294539dcb553','http','job.created','job','job_01a22dca5d0e7c308ad80d1d369c8541','127.0.0.1','01a22dca5d0d7e598620bc7016bd502d','{"size_bytes":3639,"format":"flac"}',X'CC5ED2C9654ACC00D37A3EF591B0012163BF618F893C14DE743355E45109833B');
INSERT INTO "audit" VALUES(36,1796064566580987,'acme','key','01a22dca-5cc0-7b5b-87ef-a3f27076c84d','http','job.created','job','job_01a22dca5d287717911a9152914a00c0','127.0.0.1','01a22dca5d267c2b9a109df890914d11','{"size_bytes":3639,"format":"flac"}',X'F68A231809725440635CB611548F18F18F95101DDF8822DF3D906BD6C5FA0F98');
INSERT INTO "audit" VALUES(37,1796064566602459,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5d4a735587ec4f057614309f','{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}',X'0EEF403B9900390D61958007C0C9516A464631A69C1294667D2DDBEDA9726918');
INSERT INTO "audit" VALUES(38,1796064566604584,'default','gateway',NULL,'gateway','job.completed','job','job_01a22dca5d0e7c308ad80d1d369c8541',NULL,NULL,'{}',X'62E48C7EB4E1D778CA31D692721E677EDD33DD9AF13108C58381C9BE43F903FC');
INSERT INTO "audit" VALUES(39,1796064566608985,'acme','master',NULL,'http','master.used','tenant','acme','127.0.0.1','01a22dca5d507fb1a99b7a06715f202e','{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}',X'2B5817E52E6EF2EE8742529E09E76628012F46CFCCC582630F0492E5BE706C17');
INSERT INTO "audit" VALUES(40,1796064566645390,'acme','gateway',NULL,'gateway','job.completed','job','job_01a22dca5d287717911a9152914a00c0',NULL,NULL,'{}',X'1B43B51755ACF4F7957488F34C621A120A7198C85C2130064B86BB4389D76A7F');
INSERT INTO "audit" VALUES(41,1796064566719691,'default','master',NULL,'http','master.used','tenant','default','127.0.0.1','01a22dca5dbf79bd964b46321be8f1d2','{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}',X'B8C4A752E92779117514483EE4DB309A6A3105A252D117609C0BD2644CEA50FE');
INSERT INTO "audit" VALUES(42,1796064566725225,'acme','master',NULL,'http','master.used','tenant','acme','127.0.0.1','01a22dca5dc471a7ac75713da1ce624c','{"method":"GET","route":"/v1/audio/transcriptions/{job_id}"}',X'43BA2A63721C33F5CA95B1EB654BB44794203FAA9D616520FEF3C0E7EC310D6E');
CREATE TABLE claims (
    scope       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    target      TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
INSERT INTO "claims" VALUES('default/master/keys.create','200651a8b2d5912f692db89468a7d47d86a3ed6844f48f1b15f2be1d9c9a7e5e',X'666BAA3AF8B4001CEEA592784E71EA052598BA7B9D4A045EDEAB16C94DF2B3D2','01a22dca-5cb1-785d-8fbe-3fff7ff65a73',1796150966449152);
CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,
    webhook_id  TEXT NOT NULL REFERENCES webhooks (id),
    kind        TEXT NOT NULL,
    body        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    status      TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    -- NULL once it has ended.
    next_at     INTEGER,
    last_at     INTEGER,
    last_status INTEGER,
    last_error  TEXT
) STRICT;
INSERT INTO "deliveries" VALUES('msg_01d9b9dd6d1482cbb453b974b1ad2173','wh_01a22dca5ccf712dac6eb23478344f79','transcription.completed','{"type":"transcription.completed","timestamp":"2026-11-30T18:49:26.604584Z","data":{"transcription_id":"job_01a22dca5d0e7c308ad80d1d369c8541","tenant_id":"default","status":"completed","duration_seconds":0.5,"error":null,"metadata":{"a":1}}}',1796064566604584,'pending',1,1796064596619930,1796064566619930,NULL,'no connection, or it broke');
CREATE TABLE jobs (
    id                TEXT PRIMARY KEY,
    tenant_id         TEXT NOT NULL REFERENCES tenants (id),
    status            TEXT NOT NULL,
    filename          TEXT,
    content_type      TEXT,
    size_bytes        INTEGER NOT NULL,
    audio_format      TEXT NOT NULL,
    audio_seconds     REAL,
    audio_sample_rate INTEGER,
    audio_channels    INTEGER,
    model             TEXT,
    language          TEXT,
    metadata          TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    created_by        TEXT,
    started_at        INTEGER,
    completed_at      INTEGER,
    error             TEXT,
    result            TEXT
, options TEXT, progress INTEGER, due_at INTEGER, fence INTEGER NOT NULL DEFAULT 0, lease_ends INTEGER, reserved_ms INTEGER NOT NULL DEFAULT 0, deaths INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "jobs" VALUES('job_01a22dca5d0e7c308ad80d1d369c8541','default','completed','tone.flac','audio/flac',3639,'flac',0.5,16000,1,'m1','en','{"a":1}',1796064566562109,'01a22dca-5c91-729c-9ac2-294539dcb553',1796064566565727,1796064566604584,NULL,'{"engine":"vad","model":null,"language":null,"duration":0.5,"speech_duration":0.0,"segments":0,"words":0,"note":"No transcription engine is configured: the segments tell where speech is, their text is empty. For text set DALSTON_ENGINE_URL or DALSTON_ENGINE_COMMAND.","fence":1}','{}',1000,NULL,1,NULL,500,0);
INSERT INTO "jobs" VALUES('job_01a22dca5d287717911a9152914a00c0','acme','completed','tone.flac','audio/flac',3639,'flac',0.5,16000,1,NULL,NULL,'{}',1796064566580987,'01a22dca-5cc0-7b5b-87ef-a3f27076c84d',1796064566600595,1796064566645390,NULL,'{"engine":"vad","model":null,"language":null,"duration":0.5,"speech_duration":0.0,"segments":0,"words":0,"note":"No transcription engine is configured: the segments tell where speech is, their text is empty. For text set DALSTON_ENGINE_URL or DALSTON_ENGINE_COMMAND.","fence":1}','{}',1000,NULL,1,NULL,500,0);
CREATE TABLE key_secrets (
    digest  BLOB PRIMARY KEY,
    key_id  TEXT NOT NULL REFERENCES keys (id),
    -- NULL for the current secret, the end of the overlap for the one before.
    ends_at INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO "key_secrets" VALUES(X'41161A38F5D8175800B3520ADA26CD474F8379090FE1F8F0C2EEFA5273CDC32E','01a22dca-5cc0-7b5b-87ef-a3f27076c84d',NULL);
INSERT INTO "key_secrets" VALUES(X'6096494D2EDC4D26150315F1A3F90C2C1C83B506ED71EEDE58CAC0C3E4F071F2','01a22dca-5c97-7c4d-8c5d-1e5e2c8a492e',NULL);
INSERT INTO "key_secrets" VALUES(X'791C0B6CDE6FDD26C922950D874F3D66B4A9E33B3076ABA78A7EC8EB5D00BA90','01a22dca-5cb1-785d-8fbe-3fff7ff65a73',NULL);
INSERT INTO "key_secrets" VALUES(X'7D30738D3749C0F17766E60547DA38AE56C6C2BD07C5867C1A90F39053583990','01a22dca-5b72-7b82-bf48-d726ffd14a33',NULL);
INSERT INTO "key_secrets" VALUES(X'A2BCD1547D9F7B5EC5FEEFD827F3D46C49D60EC74FC9B82E1DF0A567349101C2','01a22dca-5c91-729c-9ac2-294539dcb553',NULL);
INSERT INTO "key_secrets" VALUES(X'A9288E8F57CF440B333FC11619964A15C85087C4321F268EBE926156EF1D66BC','01a22dca-5cb1-785d-8fbe-3fff7ff65a73',1796669366454662);
INSERT INTO "key_secrets" VALUES(X'B592E7E77E7A65B561408E08B1C8A738FA07F85955C51406DBD9FF3091DE6999','01a22dca-5c9b-7027-9189-310634a7a962',NULL);
INSERT INTO "key_secrets" VALUES(X'E18FE283C81FF545E60366C8A9677C20739CDC6EB9D4F44963C5793BB6B2565B','01a22dca-5ca7-76d6-a41a-0eb29d64483e',NULL);
INSERT INTO "key_secrets" VALUES(X'E9490B6377F5269D8BB8F263CBB5A8F591C056324EBF5FE16A6EC19E9FD1C8B8','01a22dca-5cc4-7d30-bcb7-f967ee52475f',NULL);
CREATE TABLE key_usage (
    key_id             TEXT PRIMARY KEY REFERENCES keys (id),
    usage_count        INTEGER NOT NULL,
    rate_limited       INTEGER NOT NULL,
    insufficient_scope INTEGER NOT NULL,
    last_used_at       INTEGER,
    last_used_from     TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO "key_usage" VALUES('01a22dca-5c91-729c-9ac2-294539dcb553',4,0,1,1796064566541720,'127.0.0.1');
INSERT INTO "key_usage" VALUES('01a22dca-5c97-7c4d-8c5d-1e5e2c8a492e',1,0,0,1796064566467739,'127.0.0.1');
INSERT INTO "key_usage" VALUES('01a22dca-5cc0-7b5b-87ef-a3f27076c84d',3,0,0,1796064566567124,'127.0.0.1');
CREATE TABLE key_usage_days (
    key_id   TEXT NOT NULL REFERENCES keys (id),
    day      INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;
INSERT INTO "key_usage_days" VALUES('01a22dca-5c91-729c-9ac2-294539dcb553',20787,4);
INSERT INTO "key_usage_days" VALUES('01a22dca-5c97-7c4d-8c5d-1e5e2c8a492e',20787,1);
INSERT INTO "key_usage_days" VALUES('01a22dca-5cc0-7b5b-87ef-a3f27076c84d',20787,3);
CREATE TABLE keys (
    id          TEXT PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (id),
    prefix      TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT,
    scopes      TEXT NOT NULL,
    rate_limit  INTEGER,
    enabled     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    created_by  TEXT,
    expires_at  INTEGER,
    revoked_at  INTEGER,
    metadata    TEXT NOT NULL,
    -- Whether the scopes grant `admin`: what that takes is known to the model, not to SQL.
    manages     INTEGER NOT NULL,
    -- The `audit.seq` of the last change.
    changed     INTEGER NOT NULL
) STRICT;
INSERT INTO "keys" VALUES('01a22dca-5b72-7b82-bf48-d726ffd14a33','default','dk_qE3YUBk','Admin',NULL,'admin',NULL,1,1796064566130231,'gateway',NULL,NULL,'{}',1,1);
INSERT INTO "keys" VALUES('01a22dca-5c91-729c-9ac2-294539dcb553','default','dk_tdRARQq','full','All that a key may have: «ключ» "q"
second line','jobs:read,jobs:write,realtime,webhooks,nudge',600,1,1796064566417460,'master',2096064566417460,NULL,'{"big":18446744073709551615,"list":[],"object":{},"text":"''q\"uote\\ 🎉","deep":[[1,{"a":[[]]}]],"f":0.1}',0,3);
INSERT INTO "keys" VALUES('01a22dca-5c97-7c4d-8c5d-1e5e2c8a492e','default','dk_NPNeLBI','admin',NULL,'admin',NULL,1,1796064566423169,'master',NULL,NULL,'{}',1,5);
INSERT INTO "keys" VALUES('01a22dca-5c9b-7027-9189-310634a7a962','default','dk_6wuEqEL','revoked',NULL,'jobs:read,jobs:write,realtime',NULL,1,1796064566427716,'master',NULL,1796064566433599,'{}',0,9);
INSERT INTO "keys" VALUES('01a22dca-5ca7-76d6-a41a-0eb29d64483e','default','dk_pHivB8w','disabled',NULL,'jobs:read,jobs:write,realtime',NULL,0,1796064566439351,'master',NULL,NULL,'{}',0,13);
INSERT INTO "keys" VALUES('01a22dca-5cb1-785d-8fbe-3fff7ff65a73','default','dk_0mrcLlv','rotated',NULL,'jobs:read,jobs:write,realtime',NULL,1,1796064566449152,'master',NULL,NULL,'{}',0,17);
INSERT INTO "keys" VALUES('01a22dca-5cc0-7b5b-87ef-a3f27076c84d','acme','dk_wj4zKof','of acme',NULL,'jobs:read,jobs:write,worker',NULL,1,1796064566464013,'master',NULL,NULL,'{}',0,21);
INSERT INTO "keys" VALUES('01a22dca-5cc4-7d30-bcb7-f967ee52475f','default','dk_b7bjn1e','by admin',NULL,'jobs:read,jobs:write,realtime',NULL,1,1796064566468079,'01a22dca-5c97-7c4d-8c5d-1e5e2c8a492e',NULL,NULL,'{}',0,22);
CREATE TABLE meter (
    tenant_id  TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    day        INTEGER NOT NULL,
    jobs_ms    INTEGER NOT NULL,
    streams_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_id, day)
) STRICT, WITHOUT ROWID;
INSERT INTO "meter" VALUES('acme','',20787,500,0);
INSERT INTO "meter" VALUES('acme','01a22dca-5cc0-7b5b-87ef-a3f27076c84d',20787,500,0);
INSERT INTO "meter" VALUES('default','',20787,500,0);
INSERT INTO "meter" VALUES('default','01a22dca-5c91-729c-9ac2-294539dcb553',20787,500,0);
CREATE TABLE notes (
    name      TEXT PRIMARY KEY,
    text      TEXT NOT NULL,
    lapses_at INTEGER NOT NULL
) STRICT;
INSERT INTO "notes" VALUES('pepper','none',4958304566121059);
CREATE TABLE quotas (
    tenant_id          TEXT NOT NULL REFERENCES tenants (id),
    key_id             TEXT NOT NULL,
    seconds_per_day    INTEGER,
    concurrent_jobs    INTEGER,
    concurrent_streams INTEGER,
    PRIMARY KEY (tenant_id, key_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "quotas" VALUES('acme','',7200,NULL,9);
INSERT INTO "quotas" VALUES('default','01a22dca-5c91-729c-9ac2-294539dcb553',3600,5,NULL);
CREATE TABLE sessions (
    id        TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    key_id    TEXT,
    -- NULL for the node's own.
    worker_id TEXT,
    lapses_at INTEGER NOT NULL
) STRICT;
CREATE TABLE tenants (
    id         TEXT PRIMARY KEY,
    name       TEXT,
    created_at INTEGER NOT NULL
, retention_days INTEGER, served INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO "tenants" VALUES('acme','Acme',1796064566459996,7,2);
INSERT INTO "tenants" VALUES('default',NULL,1796064566063931,NULL,1);
CREATE TABLE usage_steps (
    node    TEXT PRIMARY KEY,
    number  INTEGER NOT NULL,
    -- How many counts the step had.
    taken   INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "usage_steps" VALUES('node_01a22dca5b5a77efa7adce71c634734b',1,3,1796064567201917);
CREATE TABLE webhooks (
    id              TEXT PRIMARY KEY,
    tenant_id       TEXT NOT NULL REFERENCES tenants (id),
    url             TEXT NOT NULL,
    description     TEXT,
    events          TEXT NOT NULL,
    enabled         INTEGER NOT NULL,
    disabled_at     INTEGER,
    created_at      INTEGER NOT NULL,
    created_by      TEXT,
    last_success_at INTEGER,
    exhausted       INTEGER NOT NULL,
    secret          TEXT NOT NULL,
    -- The secret before, and the end of the overlap.
    old_secret      TEXT,
    old_ends_at     INTEGER
) STRICT;
INSERT INTO "webhooks" VALUES('wh_01a22dca5ccf712dac6eb23478344f79','default','https://example.com/hook','one','',1,NULL,1796064566479479,'master',NULL,0,'whsec_FpCfgxLCH84AGryMjVMAL66pnpjYvK1O3XokzIXNU2M=',NULL,NULL);
INSERT INTO "webhooks" VALUES('wh_01a22dca5cd771e8a174a2fe0b7125f1','default','https://example.com/off',NULL,'transcription.failed',0,NULL,1796064566487097,'master',NULL,0,'whsec_td04dFBB0k0sHxezkXyCAru4UWFw60Cwr/XR5ToIk08=',NULL,NULL);
CREATE TABLE workers (
    id        TEXT PRIMARY KEY,
    -- All of it, as JSON.
    worker    TEXT NOT NULL,
    lapses_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tenants_by_age ON tenants (created_at DESC, id DESC);
CREATE INDEX keys_by_age ON keys (tenant_id, created_at DESC, id DESC);
CREATE INDEX keys_unrevoked_by_age ON keys (tenant_id, created_at DESC, id DESC) WHERE revoked_at IS NULL;
CREATE INDEX keys_managing ON keys (tenant_id) WHERE manages AND revoked_at IS NULL;
CREATE UNIQUE INDEX keys_by_change ON keys (changed);
CREATE INDEX key_secrets_by_key ON key_secrets (key_id);
CREATE INDEX jobs_by_age ON jobs (tenant_id, created_at DESC, id DESC);
CREATE INDEX jobs_by_status ON jobs (tenant_id, status, created_at DESC, id DESC);
CREATE INDEX claims_by_end ON claims (expires_at);
CREATE INDEX audit_of_tenant ON audit (tenant_id);
CREATE INDEX audit_of_tenant_by_action ON audit (tenant_id, action);
CREATE INDEX audit_of_tenant_by_actor ON audit (tenant_id, actor_kind, actor_id);
CREATE INDEX audit_by_action ON audit (action);
CREATE INDEX audit_by_actor ON audit (actor_kind, actor_id);
CREATE INDEX notes_by_end ON notes (lapses_at);
CREATE INDEX keys_by_state ON keys (tenant_id, revoked_at, enabled, expires_at, created_at, id);
CREATE INDEX key_usage_by_last ON key_usage (last_used_at);
CREATE INDEX jobs_ready ON jobs (tenant_id, created_at, id) WHERE status = 'pending' AND due_at IS NULL;
CREATE INDEX jobs_waiting ON jobs (due_at) WHERE status = 'pending' AND due_at IS NOT NULL;
CREATE INDEX jobs_leased ON jobs (lease_ends) WHERE lease_ends IS NOT NULL;
CREATE INDEX jobs_unended ON jobs (created_by) WHERE status IN ('pending', 'running', 'cancelling');
CREATE INDEX jobs_ended ON jobs (tenant_id, completed_at, id) WHERE completed_at IS NOT NULL;
CREATE INDEX tenants_by_turn ON tenants (served);
CREATE INDEX workers_by_end ON workers (lapses_at);
CREATE INDEX sessions_by_end ON sessions (lapses_at);
CREATE INDEX sessions_of_tenant ON sessions (tenant_id, lapses_at);
CREATE INDEX sessions_of_key ON sessions (key_id, lapses_at) WHERE key_id IS NOT NULL;
CREATE INDEX sessions_of_worker ON sessions (worker_id, lapses_at) WHERE worker_id IS NOT NULL;
CREATE INDEX webhooks_by_age ON webhooks (tenant_id, created_at DESC, id DESC);
CREATE INDEX deliveries_by_age ON deliveries (webhook_id, created_at DESC, id DESC);
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (created_at) WHERE next_at IS NULL;
CREATE INDEX usage_steps_by_age ON usage_steps (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',42);
COMMIT;
PRAGMA user_version = 5;
