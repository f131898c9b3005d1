"""The outbox and its leases."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Made by ``makemigrations``, and a test sees that it would make nothing more."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="OutboxLease",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
            ],
            options={"db_table": "geowatch_outbox_lease"},
        ),
        migrations.CreateModel(
            name="OutboxMessage",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("topic", models.CharField(max_length=255)),
                ("key", models.BinaryField(null=True)),
                ("headers", models.BinaryField(null=True)),
                ("time", models.FloatField(null=True)),
                ("data", models.BinaryField()),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("lease", models.BigIntegerField(db_index=True, null=True)),
            ],
            options={
                "db_table": "geowatch_outbox",
                "indexes": (models.Index(fields=["topic", "id"], name="geowatch_outbox_of_topic"),),
            },
        ),
    )
