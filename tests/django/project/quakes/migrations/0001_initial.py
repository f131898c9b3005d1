from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [  # noqa: RUF012 - as Django's own makemigrations writes it
        migrations.CreateModel(
            name="Quake",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("number", models.IntegerField(unique=True)),
            ],
        ),
    ]
