BEGIN TRANSACTION;
CREATE TABLE "form_events" ("patient" TEXT, "number", "term" TEXT, "grade" TEXT, "serious" TEXT, "onset" TEXT, "reported_at" TEXT, "started" TEXT, "titre", FOREIGN KEY ("patient") REFERENCES "patients" ("patient"));
INSERT INTO "form_events" VALUES('LG-001',1,'Headache','1','N','2026-03-04','2026-03-04T08:15:30.250000Z','2026-03-04T09:15',1.5);
INSERT INTO "form_events" VALUES('LG-001',2,'=SUM(A1)','2','Y','2026-03','2026-03-05T23:59:59.999999Z','2026-03-06',0.0);
INSERT INTO "form_events" VALUES('LG-002',1,'Müller – 細胞, “quoted”
next line',NULL,'N','2026',NULL,NULL,'<5');
INSERT INTO "form_events" VALUES('LG-002',9007199254740993,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx','0',NULL,NULL,'2026-03-05',NULL,NULL);
INSERT INTO "form_events" VALUES('LG-003',-7,'trailing ','3','Y','2026-03-07T10:00','1999-12-31T00:00:00Z','2026-03-07T10:00',82400000.25);
CREATE TABLE "patients" ("patient" TEXT PRIMARY KEY, "sex" TEXT, "sex__missing" TEXT, "screened_on" TEXT, "weight", "weight__missing" TEXT);
INSERT INTO "patients" VALUES('LG-001','F',NULL,'2026-03-02',61.5,NULL);
INSERT INTO "patients" VALUES('LG-002','M',NULL,'2026-03-09',NULL,'ND');
INSERT INTO "patients" VALUES('LG-003',NULL,'UNK','1900-01-01',0.1,NULL);
INSERT INTO "patients" VALUES('LG-004','X',NULL,'2026-02-30','12345678901234567.1',NULL);
INSERT INTO "patients" VALUES('LG-005',NULL,NULL,NULL,NULL,'ASKU');
COMMIT;
