-- A store as version 1 of the schema has it; a record of the past, never made anew.
CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
        checksum TEXT NOT NULL);
INSERT INTO "events" VALUES(1,'2026-11-21T12:00:00.000+00:00','planned','first: 1 designs','5d672e87c39c69ce');
CREATE TABLE generations (
        round INTEGER NOT NULL, generation INTEGER NOT NULL, state BLOB NOT NULL, summary TEXT NOT NULL,
        checksum TEXT NOT NULL, PRIMARY KEY (round, generation));
INSERT INTO "generations" VALUES(1,1,X'504B03042D000000080000002100A0444B5BFFFFFFFFFFFFFFFF0B00140067656E6F6D65732E6E707901001000A00000000000000052000000000000009BEC17EA1B10C9C850C650AD9E925A9C5CA46EA5A06E9369A1AEA3A09E965F54529498179F5F94920A12774BCC294E058A17672416A402F91A463A0A469A3A0AB50A64032E4606086082D2CC509A054A0300504B01022D032D000000080000002100A0444B5B52000000A00000000B000000000000000000000080010000000067656E6F6D65732E6E7079504B05060000000001000100390000008F0000000000','{"hypervolume": 0.5}','7845ce479ea4a41c');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum TEXT NOT NULL);
INSERT INTO "meta" VALUES('settings','{"seed": 1}','c6835ad58d2dc727');
CREATE TABLE notes (topic TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, checksum TEXT NOT NULL,
        PRIMARY KEY (topic, key));
INSERT INTO "notes" VALUES('surrogate','1','{"tau": 0.5}','49e1221e25349c7f');
CREATE TABLE plans (
        batch TEXT NOT NULL, position INTEGER NOT NULL, digest TEXT NOT NULL, design TEXT NOT NULL,
        context TEXT NOT NULL, predicted REAL, std REAL, checksum TEXT NOT NULL, PRIMARY KEY (batch, position));
INSERT INTO "plans" VALUES('first',0,'aaaaaaaaaaaaaaaa','{"backbone": "vgg8"}','c',NULL,NULL,'28e6fe1a40860b6e');
INSERT INTO "plans" VALUES('round-1',0,'bbbbbbbbbbbbbbbb','{}','c',0.5,0.125,'74a3d406a925f8f4');
CREATE TABLE trainings (
        id INTEGER PRIMARY KEY, digest TEXT NOT NULL, context TEXT NOT NULL, protocol TEXT NOT NULL,
        seed INTEGER NOT NULL, accuracy REAL, failure TEXT, seconds REAL NOT NULL, details TEXT NOT NULL,
        at TEXT NOT NULL, checksum TEXT NOT NULL);
INSERT INTO "trainings" VALUES(1,'aaaaaaaaaaaaaaaa','c','smoke',7,0.75,NULL,1.5,'{"epochs": 1}','2026-11-21T12:00:00.000+00:00','3c2daff29ff4ea19');
INSERT INTO "trainings" VALUES(2,'bbbbbbbbbbbbbbbb','c','smoke',8,NULL,'it diverged',0.0,'{}','2026-11-21T12:00:00.000+00:00','924572c3e8a9c7f3');
CREATE UNIQUE INDEX labels ON trainings (digest, context) WHERE accuracy IS NOT NULL;
CREATE INDEX failures ON trainings (context, digest) WHERE failure IS NOT NULL;
PRAGMA application_id = 1481655638;
PRAGMA user_version = 1;
