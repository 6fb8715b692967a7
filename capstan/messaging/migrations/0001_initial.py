import capstan.db.fields
import capstan.messaging.rules.words
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Gateway',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.TextField(help_text='small letters, digits and dashes: a part of its addresses', unique=True)),
                ('kind', models.TextField(choices=[('loopback', 'Loopback'), ('http', 'Http'), ('smtp', 'Smtp')])),
                ('medium', models.TextField(choices=[('sms', 'Sms'), ('email', 'Email')])),
                ('settings', models.JSONField(default=dict)),
                ('secrets', capstan.db.fields.EncryptedTextField()),
                ('sender', models.TextField(blank=True, help_text='the number that answers come to, or the address mails are from')),
                ('two_way', models.BooleanField(default=False, help_text='answers to its messages reach us')),
                ('per_second', models.IntegerField(default=10, help_text='messages it takes a second')),
                ('parallel', models.SmallIntegerField(default=4, help_text='requests at a time, of one worker')),
                ('cost_minor', models.IntegerField(default=0, help_text='of one segment, in minor units')),
                ('priority', models.SmallIntegerField(default=10, help_text='the lowest goes first')),
                ('active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('slot_at', models.DateTimeField(help_text='when its next message may go, by its rate', null=True)),
                ('paused_until', models.DateTimeField(help_text='left alone till then, after trouble', null=True)),
                ('trouble', models.TextField(blank=True, help_text="why it doesn't work, in words; empty when it does")),
                ('trouble_since', models.DateTimeField(null=True)),
                ('troubles', models.IntegerField(default=0, help_text='failures since it last worked')),
                ('poll_due_at', models.DateTimeField(help_text='when to ask it for what came in', null=True)),
                ('poll_lease_until', models.DateTimeField(null=True)),
                ('poll_cursors', models.JSONField(default=dict, help_text='how far it was read')),
                ('polled_at', models.DateTimeField(null=True)),
                ('poll_trouble', models.TextField(blank=True, help_text="why the last asking failed; empty when it didn't")),
            ],
        ),
        migrations.CreateModel(
            name='BudgetAlarm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(help_text='its first day')),
                ('percent', models.SmallIntegerField()),
                ('budget_minor', models.BigIntegerField()),
                ('spent_minor', models.BigIntegerField()),
                ('raised_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField(null=True)),
                ('seen_by', models.TextField(blank=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('month', 'percent'), name='budgetalarm_once')],
            },
        ),
        migrations.CreateModel(
            name='Inbound',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dedupe_key', models.TextField(help_text="the carrier's id, else made of sender, text and its time")),
                ('sender', models.TextField()),
                ('is_automatic', models.BooleanField(default=False)),
                ('recipient', models.TextField(blank=True)),
                ('text', models.TextField()),
                ('carrier_id', models.TextField(blank=True)),
                ('parent_carrier_id', models.TextField(blank=True, help_text="the carrier's id of the message that it answers")),
                ('sent_at', models.DateTimeField(help_text="by the carrier's clock", null=True)),
                ('received_at', models.DateTimeField()),
                ('times_received', models.IntegerField(default=1)),
                ('state', models.TextField(choices=[('new', 'New'), ('answered', 'Answered'), ('needs_person', 'Needs person'), ('done', 'Done'), ('ignored', 'Ignored')], default=capstan.messaging.rules.words.InboundState['NEW'])),
                ('outcome', models.TextField(blank=True, help_text='what came of it, a sentence for staff')),
                ('due_at', models.DateTimeField(help_text='empty once it is dealt with', null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('attempts', models.SmallIntegerField(default=0)),
                ('finished_at', models.DateTimeField(null=True)),
                ('handled_by', models.TextField(blank=True, help_text='the person who dealt with it')),
                ('note', models.TextField(blank=True)),
                ('gateway', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='messaging.gateway')),
            ],
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('medium', models.TextField(choices=[('sms', 'Sms'), ('email', 'Email')])),
                ('recipient', models.TextField(help_text='E.164 number or e-mail address')),
                ('template', models.TextField()),
                ('values', models.JSONField(default=dict)),
                ('language', models.TextField()),
                ('brand_id', models.BigIntegerField(help_text='whose words and name it bears')),
                ('brand_name', models.TextField()),
                ('sender', models.TextField(blank=True, help_text="the brand's name as a sender of SMS")),
                ('subject', models.TextField(help_text='what it is about, such as service:17')),
                ('cause', models.TextField(help_text='why it was sent; never twice to the same address')),
                ('lane', models.SmallIntegerField(choices=[(0, 'Reply'), (1, 'Cap'), (2, 'Billing'), (3, 'Bulk')])),
                ('two_way', models.BooleanField(default=False, help_text='it expects an answer')),
                ('title', models.TextField(blank=True, help_text='the subject line of an e-mail')),
                ('text', models.TextField()),
                ('sealed_text', capstan.db.fields.EncryptedTextField(null=True)),
                ('encoding', models.TextField(blank=True)),
                ('segments', models.SmallIntegerField(default=0)),
                ('cost_minor', models.BigIntegerField(default=0, help_text='what it costs by its gateway, in minor units')),
                ('state', models.TextField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('sent', 'Sent'), ('delivered', 'Delivered'), ('failed', 'Failed'), ('uncertain', 'Uncertain'), ('superseded', 'Superseded')], default=capstan.messaging.rules.words.MessageState['QUEUED'])),
                ('reason', models.TextField(blank=True, choices=[('', '–'), ('unknown_subscriber', 'Unknown subscriber'), ('refused', 'Refused'), ('undelivered', 'Undelivered'), ('unreachable', 'Unreachable'), ('throttled', 'Throttled'), ('credentials', 'Credentials'), ('no_answer', 'No answer'), ('interrupted', 'Interrupted'), ('too_late', 'Too late')])),
                ('detail', models.TextField(blank=True, help_text='what the gateway or receipt said')),
                ('reference', models.TextField(help_text='ours, which the gateway gets and a receipt may repeat', unique=True)),
                ('carrier_id', models.TextField(blank=True)),
                ('queued_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(help_text="when to try next; empty when it isn't queued", null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('attempts', models.SmallIntegerField(default=0)),
                ('may_have_left', models.BooleanField(default=False, help_text='a try went out and had no answer')),
                ('sent_at', models.DateTimeField(help_text='when the gateway took it, or may have', null=True)),
                ('finished_at', models.DateTimeField(help_text='when it became delivered, failed or superseded', null=True)),
                ('handled_at', models.DateTimeField(help_text='a person has seen that it failed, or may have', null=True)),
                ('handled_by', models.TextField(blank=True)),
                ('note', models.TextField(blank=True)),
                ('gateway', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='messaging.gateway')),
                ('in_reply_to', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='messaging.inbound')),
                ('repeat_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='messaging.message')),
            ],
        ),
        migrations.CreateModel(
            name='Receipt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.TextField(blank=True)),
                ('carrier_id', models.TextField(blank=True)),
                ('status', models.TextField()),
                ('error', models.TextField(blank=True)),
                ('raw', models.JSONField(default=dict)),
                ('received_at', models.DateTimeField()),
                ('due_at', models.DateTimeField(help_text='when to look for its message again', null=True)),
                ('applied_at', models.DateTimeField(null=True)),
                ('gateway', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='messaging.gateway')),
                ('message', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='receipts', to='messaging.message')),
            ],
        ),
        migrations.CreateModel(
            name='TemplateEdit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.TextField()),
                ('medium', models.TextField(choices=[('sms', 'Sms'), ('email', 'Email')])),
                ('language', models.TextField()),
                ('brand_id', models.BigIntegerField(null=True)),
                ('title', models.TextField(blank=True)),
                ('body', models.TextField(blank=True)),
                ('edited_at', models.DateTimeField()),
                ('actor', models.TextField()),
            ],
            options={
                'indexes': [models.Index(fields=['code', 'medium', 'language', 'edited_at'], name='templateedit_text')],
            },
        ),
        migrations.AddIndex(
            model_name='inbound',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='inbound_due'),
        ),
        migrations.AddIndex(
            model_name='inbound',
            index=models.Index(condition=models.Q(('state', capstan.messaging.rules.words.InboundState['NEEDS_PERSON'])), fields=['received_at'], name='inbound_person'),
        ),
        migrations.AddIndex(
            model_name='inbound',
            index=models.Index(fields=['sender', 'received_at'], name='inbound_sender'),
        ),
        migrations.AddIndex(
            model_name='inbound',
            index=models.Index(fields=['received_at'], name='inbound_age'),
        ),
        migrations.AddConstraint(
            model_name='inbound',
            constraint=models.UniqueConstraint(fields=('gateway', 'dedupe_key'), name='inbound_once'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['gateway', 'lane', 'due_at'], name='message_due'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('lease_until__isnull', False)), fields=['lease_until'], name='message_leases'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['subject', 'queued_at'], name='message_subject'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['recipient', 'queued_at'], name='message_recipient'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('carrier_id', ''), _negated=True), fields=['gateway', 'carrier_id'], name='message_carrier'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('sent_at__isnull', False)), fields=['sent_at'], name='message_sent'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('reason', ''), _negated=True), fields=['finished_at'], name='message_reason'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('handled_at', None), ('state__in', (capstan.messaging.rules.words.MessageState['FAILED'], capstan.messaging.rules.words.MessageState['UNCERTAIN']))), fields=['queued_at'], name='message_person'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['queued_at'], name='message_age'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.UniqueConstraint(fields=('cause', 'medium', 'recipient'), name='message_once'),
        ),
        migrations.AddIndex(
            model_name='receipt',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='receipt_due'),
        ),
        migrations.AddIndex(
            model_name='receipt',
            index=models.Index(fields=['received_at'], name='receipt_age'),
        ),
        migrations.AddConstraint(
            model_name='receipt',
            constraint=models.UniqueConstraint(fields=('gateway', 'reference', 'carrier_id', 'status', 'error'), name='receipt_once'),
        ),
    ]
