from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('vms', '0002_count_from_the_index'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='haresource',
            name='last_seen_at',
        ),
    ]
